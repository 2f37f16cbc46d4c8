// The console's camera. It shows a film: a person near the camera for three seconds, then too far away for three,
// over and over.
import assert from 'node:assert/strict';

import { assertAccessible, assertFits } from './accessible.js';
import { eventually } from './eventually.js';
import { filmThePortrait } from './pictures.js';
import { play, scene, shoot } from './scene.js';
import { Service } from './service.js';

const service = await Service.start();
const origins = [service.origin];
const permissions = ['camera'];
await filmThePortrait();

/** Opens the console and starts the camera. `streams` are the streams that the page received. */
async function start(page) {
  await page.addInitScript(() => {
    window.__streams = [];
    const devices = navigator.mediaDevices;
    const original = devices.getUserMedia.bind(devices);
    devices.getUserMedia = async (wanted) => {
      const stream = await original(wanted);
      window.__streams.push(stream);
      return stream;
    };
  });
  await page.goto(service.console());
  await page.getByRole('button', { name: 'Use the camera' }).click();
}

function tracksOf(page) {
  return page.evaluate(() => window.__streams.flatMap((stream) => stream.getTracks().map((track) => `${track.kind} ${track.readyState}`)));
}

/** Every request for a verdict: its time, and the number of concurrent requests, itself included. */
function requestsOf(page) {
  const requests = [];
  let underWay = 0;
  const isOurs = (request) => request.method() === 'POST';
  page.on('request', (request) => {
    if (isOurs(request)) requests.push({ at: Date.now(), underWay: (underWay += 1) });
  });
  for (const end of ['requestfinished', 'requestfailed']) page.on(end, (request) => { if (isOurs(request)) underWay -= 1; });
  return requests;
}

scene('the page tells a person before the camera what to do, and gives a verdict', { origins, permissions }, async (page) => {
  await start(page);
  const said = new Set();
  await eventually('a hint to come closer, and one that is another', async () => {
    if (await page.locator('#guidance').isVisible()) said.add(await page.textContent('#guidance'));
    return said.size >= 2 && [...said].some((text) => /closer/i.test(text));
  });
  for (const text of said) assert.doesNotMatch(text, /[{}_]/);
  await eventually('a live verdict', async () => /live/i.test(await page.textContent('#live-verdict')));
  await shoot(page, 'console camera');
});

scene('the camera sends at most one request a second, one at a time, and none after it is stopped', { origins, permissions }, async (page) => {
  const requests = requestsOf(page);
  await start(page);
  await eventually('five requests', () => requests.length >= 5);
  await page.getByRole('button', { name: 'Stop the camera' }).click();
  await eventually('released tracks', async () => (await tracksOf(page)).every((track) => track === 'video ended'));
  assert.ok((await tracksOf(page)).length > 0);
  assert.ok(requests.every(({ underWay }) => underWay === 1));
  const took = requests[4].at - requests[0].at;
  assert.ok(took > 3_500, `five requests in ${took} ms`);
  const before = requests.length;
  await page.waitForTimeout(1_500);
  assert.equal(requests.length, before);
  await page.getByRole('button', { name: 'Use the camera' }).waitFor();
});

scene('a picture is taken from the camera and assessed, and the camera is released', { origins, permissions }, async (page) => {
  await start(page);
  await page.getByRole('button', { name: 'Take this picture' }).click();
  await page.locator('#result').waitFor();
  const verdict = await eventually('a verdict', () => page.getAttribute('#verdict', 'data-verdict'));
  assert.ok(['live', 'spoof', 'not_assessed'].includes(verdict));
  const full = JSON.parse(await page.getByRole('tabpanel').locator('pre').textContent());
  assert.deepEqual([full.picture.width, full.picture.height], [640, 480]);
  await eventually('released tracks', async () => (await tracksOf(page)).every((track) => track === 'video ended'));
});

scene('a refused camera is explained, and can be requested again', { origins }, async (page, context) => {
  // The browser refuses every permission that is not listed.
  await context.grantPermissions([]);
  await start(page);
  await page.locator('#problem').waitFor();
  assert.equal(await page.getAttribute('#problem', 'data-code'), 'camera_refused');
  assert.match(await page.textContent('#problem'), /allow/i);
  await shoot(page, 'console camera refused');
  await assertAccessible(page);
  await context.grantPermissions(permissions);
  await page.getByRole('button', { name: 'Use the camera' }).click();
  await page.getByRole('button', { name: 'Stop the camera' }).waitFor();
  await page.locator('#problem').waitFor({ state: 'hidden' });
});

scene('the camera fits a phone, and axe finds nothing serious while it runs',
  { origins, permissions, viewport: { width: 360, height: 740 } }, async (page) => {
    await start(page);
    await page.getByRole('button', { name: 'Stop the camera' }).waitFor();
    await eventually('guidance', () => page.locator('#guidance').isVisible());
    await assertFits(page);
    await shoot(page, 'console phone camera');
    await assertAccessible(page);
  });

play("The console's camera", service);

// Failures in the console. Each time the page says what to do, and the next picture is assessed.
import assert from 'node:assert/strict';

import { assertAccessible } from './accessible.js';
import { eventually } from './eventually.js';
import { draw } from './pictures.js';
import { play, scene, shoot } from './scene.js';
import { PORTRAIT, Service } from './service.js';

const service = await Service.start({ settings: { LIVEGATE_INGRESS_MAX_BODY_BYTES: '1000000' } });
const origins = [service.origin];
const portrait = { name: 'portrait.png', mimeType: 'image/png', buffer: PORTRAIT };
/** The console line that the browser itself writes for this status. */
const answered = (status) => new RegExp(`Failed to load resource: the server responded with a status of ${status} `);
const UNREACHED = /Failed to load resource: net::ERR_/;

/** The page's text about the failure: sentences, without codes and markup. */
async function assertExplained(page, code, pattern) {
  const problem = page.locator('#problem');
  await problem.waitFor();
  assert.equal(await problem.getAttribute('role'), 'alert');
  assert.equal(await problem.getAttribute('data-code'), code);
  const sentences = await page.locator('#problem p:not(.small, .row)').allTextContents();
  const said = sentences.join(' ').trim();
  assert.match(said, /^[A-Z][^{}<>]*\.$/);
  assert.match(said, pattern);
  assert.ok(!said.includes(code), `a code is no explanation: ${said}`);
  assert.doesNotMatch(await problem.textContent(), /[{}]/);
}

async function assertGoesOn(page) {
  await page.setInputFiles('#file', portrait);
  await eventually('the next verdict', async () => (await page.getAttribute('#verdict', 'data-verdict')) === 'live');
  await page.locator('#result').waitFor();
  await page.locator('#problem').waitFor({ state: 'hidden' });
}

const jpeg = await draw({ width: 640, height: 480, places: [[80, 0, 480]] });
const BAD = [
  ['a text that is called a picture', Buffer.from('This is no picture.\n'), 415, 'unsupported_image', /picture|image/i],
  ['a picture that was cut short', jpeg.subarray(0, jpeg.length / 2), 422, 'unreadable_image', /damaged|cut|incomplete|broken/i],
  ['a picture of too many pixels', await draw({ width: 5200, height: 300 }), 422, 'image_too_large', /large|big|pixels/i],
  ['a file of too many bytes', Buffer.concat([jpeg, Buffer.alloc(1_000_000)]), 413, 'body_too_large', /bytes/],
];

for (const [what, buffer, status, code, pattern] of BAD) {
  scene(`${what} is explained, and the next picture is assessed`, { origins, tolerates: [answered(status)] }, async (page) => {
    await page.goto(service.console());
    await page.setInputFiles('#file', { name: 'selfie.jpg', mimeType: 'image/jpeg', buffer });
    await assertExplained(page, code, pattern);
    await shoot(page, `console ${code}`);
    await assertGoesOn(page);
  });
}

scene('an earlier answer is not shown as the answer to a bad picture', { origins, tolerates: [answered(415)] }, async (page) => {
  await page.goto(service.console());
  await assertGoesOn(page);
  await page.setInputFiles('#file', { name: 'selfie.jpg', mimeType: 'image/jpeg', buffer: BAD[0][1] });
  await assertExplained(page, 'unsupported_image', /./);
  await page.locator('#result').waitFor({ state: 'hidden' });
});

scene('a wrong key leads back to the form, and the right one to a verdict', { origins, tolerates: [answered(401)] }, async (page) => {
  await page.goto(service.console('not-the-key-of-this-run'));
  await page.setInputFiles('#file', portrait);
  await assertExplained(page, 'invalid_credentials', /id|key/i);
  await page.getByLabel('App id').waitFor();
  await shoot(page, 'console invalid_credentials');
  await page.getByLabel('App id').fill('demo');
  await page.getByLabel('App key').fill(service.key);
  await page.getByRole('button', { name: 'Use these' }).click();
  await assertGoesOn(page);
});

scene('without a key the page asks for one before anything else', { origins }, async (page) => {
  await page.goto(`${service.origin}/console`);
  await page.getByLabel('App id').fill('demo');
  await page.getByLabel('App key').fill(service.key);
  await page.keyboard.press('Enter');
  await page.getByLabel('App key').waitFor({ state: 'hidden' });
  await assertGoesOn(page);
});

scene('axe finds nothing serious with a problem on the page, or the form', { origins, tolerates: [answered(401), answered(415)] }, async (page) => {
  await page.goto(service.console());
  await page.setInputFiles('#file', { name: 'selfie.jpg', mimeType: 'image/jpeg', buffer: BAD[0][1] });
  await assertExplained(page, 'unsupported_image', /./);
  await assertAccessible(page);
  await page.goto('about:blank');
  await page.goto(service.console('not-the-key-of-this-run'));
  await page.setInputFiles('#file', portrait);
  await assertExplained(page, 'invalid_credentials', /./);
  await assertAccessible(page);
});

const mortal = await Service.start();

scene('a service that ends during an upload is reported, and used again after its return',
  { origins: [mortal.origin], tolerates: [UNREACHED] }, async (page, context) => {
    await page.goto(mortal.console());
    const browser = await context.newCDPSession(page);
    const slow = { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: 50_000 };
    await browser.send('Network.emulateNetworkConditions', slow);
    const begun = page.waitForRequest('**/v1/liveness*');
    await page.setInputFiles('#file', portrait);
    await begun;
    await mortal.end('SIGKILL');
    await assertExplained(page, 'gone', /answer|reach|gone/i);
    await shoot(page, 'console gone');
    // No service is listening now.
    await browser.send('Network.emulateNetworkConditions', { ...slow, uploadThroughput: -1 });
    await page.setInputFiles('#file', portrait);
    await assertExplained(page, 'gone', /answer|reach|gone/i);
    const back = await Service.start({ key: mortal.key, port: mortal.port });
    await assertGoesOn(page).finally(() => back.end());
  });

play('The console, where something goes wrong', service, mortal);

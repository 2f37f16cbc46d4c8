// The operator's page on the admin listener.
import assert from 'node:assert/strict';

import { assertAccessible, assertFits, groundOf } from './accessible.js';
import { eventually } from './eventually.js';
import { draw } from './pictures.js';
import { play, scene, shoot } from './scene.js';
import { PORTRAIT, Service } from './service.js';

const ADMIN = { LIVEGATE_ADMIN_LISTEN: '127.0.0.1:0' };
const service = await Service.start({ settings: ADMIN });
const origins = [service.admin];
const empty = await draw({ width: 640, height: 480 });

/** The texts of a table's cells, row by row. */
function rowsOf(page, id) {
  return page.$$eval(`#${id} tr`, (rows) => rows.map((row) => [...row.cells].map((cell) => cell.textContent)));
}

async function isReady(page) {
  await eventually('readiness', async () => (await page.textContent('#state')) === 'Ready');
}

scene('the page shows the answers and the refusals of the service', { origins }, async (page) => {
  await page.goto(service.admin);
  await isReady(page);
  assert.equal(await page.textContent('#notice'), '');
  assert.deepEqual(await rowsOf(page, 'recent'), [['Nothing was refused.']]);
  await shoot(page, 'operator empty');

  for (let times = 0; times < 3; times += 1) assert.equal((await service.ask(PORTRAIT)).status, 200);
  assert.equal((await service.ask(empty)).body.verdict, 'not_assessed');
  const refused = [await service.ask(PORTRAIT, { key: 'not-the-key-of-this-run' }), await service.ask('no picture')];

  const recent = await eventually('the refusals', async () => {
    const rows = await rowsOf(page, 'recent');
    return rows.length === 2 && rows;
  });
  const told = recent.map(([, status, code, route, , id]) => [status, code, route, id]);
  assert.deepEqual(told, [
    ['415', 'unsupported_image', '/v1/liveness', refused[1].id],
    ['401', 'invalid_credentials', '/v1/liveness', refused[0].id],
  ]);
  assert.match(recent[0][0], /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
  await eventually('all of it', async () => {
    const [live, , notAssessed] = await rowsOf(page, 'verdicts');
    return live[2] === '3' && notAssessed[2] === '1';
  });
  assert.deepEqual(await rowsOf(page, 'verdicts'), [['live', '3', '3'], ['spoof', '0', '0'], ['not_assessed', '1', '1']]);
  assert.deepEqual(await rowsOf(page, 'refusals'), [['invalid_credentials', '1', '1'], ['unsupported_image', '1', '1']]);
  assert.match(await page.textContent('#p50'), /^[\d.]+ ms$/);
  assert.match(await page.textContent('#p99'), /^[\d.]+ ms$/);
  assert.match(await page.textContent('#version'), /starter.*[0-9a-f]{64}.*(openvino|cpu)/s);
  assert.equal(await page.textContent('#in-flight'), '0 of 64');
  assert.equal(await page.locator('img, canvas, video').count(), 0);
});

scene('throughput and its line rise while requests come', { origins }, async (page) => {
  await page.goto(service.admin);
  await isReady(page);
  let isOver = false;
  const load = (async () => {
    while (!isOver) await service.ask(empty);
  })();
  const rate = await eventually('throughput', async () => {
    const text = await page.textContent('#rate');
    return Number(text) > 0 && text;
  }).finally(() => { isOver = true; });
  await load;
  assert.ok(Number(rate) > 0);
  assert.match(await page.getAttribute('#rates', 'aria-label'), /^Requests a second over the last 5 minutes: .* at most$/);
  assert.match(await page.getAttribute('#rates .line', 'd'), /^M[\d.,L]+$/);
  await eventually('a line', async () => (await page.getAttribute('#rates .line', 'd')).includes('L'));
  await shoot(page, 'operator');
});

scene('a hidden page sends no requests, and goes on when it is shown', { origins }, async (page) => {
  await page.addInitScript(() => {
    window.__hidden = false;
    Object.defineProperty(document, 'hidden', { get: () => window.__hidden });
  });
  let asked = 0;
  page.on('request', () => { asked += 1; });
  const turn = (isHidden) => page.evaluate((hidden) => {
    window.__hidden = hidden;
    document.dispatchEvent(new Event('visibilitychange'));
  }, isHidden);
  await page.goto(service.admin);
  await isReady(page);
  await turn(true);
  await page.waitForTimeout(2_500);
  const before = asked;
  await page.waitForTimeout(2_500);
  assert.equal(asked, before);
  await turn(false);
  await eventually('another look', () => asked >= before + 4);
});

const mortal = await Service.start({ settings: { ...ADMIN, LIVEGATE_INGRESS_SHUTDOWN_DELAY_MS: '5000' } });

scene('the page says that a service is not ready and why, or does not answer, and recovers by itself',
  { origins: [mortal.admin], tolerates: [/status of 503/, /net::ERR_/] }, async (page) => {
    await page.goto(mortal.admin);
    await isReady(page);
    mortal.leave();
    await eventually('why not', async () => (await page.textContent('#wrong')).includes('shutting down'));
    assert.equal(await page.textContent('#state'), 'Not ready');
    await shoot(page, 'operator not ready');
    await mortal.end('SIGKILL');
    await eventually('a notice', async () => (await page.textContent('#notice')).startsWith('The service does not answer.'));
    assert.equal(await page.textContent('#state'), 'No answer');
    await shoot(page, 'operator no answer');
    await assertAccessible(page);
    const port = new URL(mortal.admin).port;
    const back = await Service.start({ settings: { LIVEGATE_ADMIN_LISTEN: `127.0.0.1:${port}` } });
    try {
      await isReady(page);
      assert.equal(await page.textContent('#notice'), '');
      assert.equal(await page.textContent('#wrong'), '');
    } finally {
      await back.end();
    }
  });

scene('unreadable metrics are reported, and no figures made of them', { origins }, async (page) => {
  await page.route('**/metrics', (route) => route.fulfill({ contentType: 'text/plain', body: 'livegate_requests_total{route="/v1' }));
  await page.goto(service.admin);
  await eventually('a notice', async () => (await page.textContent('#notice')).startsWith('The service cannot be read: '));
  assert.equal(await page.textContent('#rate'), '–');
});

/** No element is wider than its card. */
async function assertInCards(page) {
  const out = await page.$$eval('section', (cards) =>
    cards.filter((card) => card.scrollWidth > card.clientWidth).map((card) => card.innerText));
  assert.deepEqual(out, []);
}

scene('the operator\'s page fits a phone, and axe finds nothing serious', { origins, viewport: { width: 360, height: 740 } }, async (page) => {
  await page.goto(service.admin);
  await isReady(page);
  await assertFits(page);
  await assertInCards(page);
  await assertAccessible(page);
  await shoot(page, 'operator phone');
  for (const width of [700, 1000, 1280]) {
    await page.setViewportSize({ width, height: 900 });
    await assertFits(page);
    await assertInCards(page);
  }
});

scene('the operator\'s page follows the preferred colour scheme', { origins, colorScheme: 'dark' }, async (page) => {
  await page.goto(service.admin);
  await isReady(page);
  assert.ok((await groundOf(page)) < 0.3);
  await shoot(page, 'operator dark');
  await page.emulateMedia({ colorScheme: 'light' });
  assert.ok((await groundOf(page)) > 0.7);
});

play("The operator's page", service, mortal);

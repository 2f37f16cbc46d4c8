// The console: a picture, and every part of the answer that it shows.
import assert from 'node:assert/strict';

import { assertAccessible, assertFits, groundOf } from './accessible.js';
import { eventually } from './eventually.js';
import { draw } from './pictures.js';
import { play, scene, shoot } from './scene.js';
import { PORTRAIT, Service } from './service.js';

const service = await Service.start();
const origins = [service.origin];
const portrait = { name: 'portrait.png', mimeType: 'image/png', buffer: PORTRAIT };
const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };

/** Opens the console and waits for the verdict on a picture. */
async function judge(page, picture = portrait) {
  // Loads the page again: from the console itself the address would differ in its fragment only.
  await page.goto('about:blank');
  await page.goto(service.console());
  await page.setInputFiles('#file', picture);
  return verdictOf(page);
}

async function verdictOf(page) {
  await page.locator('#result').waitFor();
  return eventually('a verdict', () => page.getAttribute('#verdict', 'data-verdict'));
}

/** A checksum of a canvas' pixels. */
function pixelsOf(page, selector) {
  return page.locator(selector).first().evaluate((canvas) => {
    const { width, height } = canvas;
    const copy = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
    copy.drawImage(canvas, 0, 0);
    const { data } = copy.getImageData(0, 0, width, height);
    let sum = 0;
    data.forEach((value, i) => { sum = (sum * 31 + value + (i % 7)) % 1_000_003; });
    return { sum, isPlain: data.every((value, i) => value === data[i % 4]) };
  });
}

scene('a chosen picture is shown with its verdict, scores and reasons', { origins }, async (page) => {
  const { body: truth } = await service.ask(PORTRAIT, { fields: { threshold: '0.5' } });
  await page.goto(service.console());
  assert.equal(await page.title(), 'Livegate console');
  assert.ok(!page.url().includes(service.key), 'the key is not left in the address');
  await page.setInputFiles('#file', portrait);
  assert.equal(await verdictOf(page), truth.verdict);
  assert.equal(truth.verdict, 'live');

  const gauge = page.locator('#gauge');
  assert.equal(await gauge.getAttribute('role'), 'meter');
  assert.ok(Math.abs(Number(await gauge.getAttribute('aria-valuenow')) - truth.score) < 0.01);
  assert.equal(await page.locator('#reasons > li').count(), truth.reasons.length);
  for (const { hint } of truth.reasons) assert.ok((await page.textContent('#reasons')).includes(hint));
  assert.equal(await page.locator('#models > li').count(), Object.keys(truth.models).length);
  assert.equal(await page.locator('#crops figure').count(), Object.keys(truth.crops).length);
  const timings = await page.textContent('#timings');
  for (const step of ['Decode', 'Find faces', 'Score', 'In the pipeline']) assert.ok(timings.includes(step), timings);
  assert.match(timings, /\d ms/);
  await shoot(page, 'console live');
});

scene('boxes and landmarks are drawn on the picture, and crops show the nets\' input', { origins }, async (page) => {
  await judge(page);
  const marked = await pixelsOf(page, '#picture');
  assert.equal(marked.isPlain, false);
  await page.getByLabel('Boxes and landmarks').uncheck();
  const bare = await pixelsOf(page, '#picture');
  assert.notEqual(marked.sum, bare.sum);
  assert.equal((await pixelsOf(page, '#crops canvas')).isPlain, false);
});

scene('the page shows the full answer, the Kairos answer and a curl command without the key', { origins }, async (page) => {
  await judge(page);
  await page.getByRole('tab', { name: 'Full answer' }).click();
  const full = JSON.parse(await page.getByRole('tabpanel').locator('pre').textContent());
  assert.deepEqual([full.verdict, full.pack.name, full.picture.width], ['live', 'starter', 512]);
  await page.getByRole('tab', { name: 'Kairos answer' }).click();
  const kairos = await eventually('the Kairos answer', async () => {
    const text = await page.getByRole('tabpanel').locator('pre').textContent();
    return text && JSON.parse(text);
  });
  assert.equal(kairos.response_code, 0);
  assert.equal(kairos.response_data.faces_predicted.length, full.faces.length);
  await page.getByRole('tab', { name: 'curl' }).click();
  const curl = await page.getByRole('tabpanel').locator('pre').textContent();
  assert.ok(curl.includes(`${service.origin}/v1/liveness`) && curl.includes('selfie=@'), curl);
  assert.ok(!curl.includes(service.key), 'the key is shown only where somebody asks for it');
});

scene('moving the threshold shows the verdict that it would give, and changes no answer', { origins }, async (page) => {
  await judge(page);
  await page.locator('#would-be').waitFor({ state: 'hidden' });
  await page.getByLabel('Threshold', { exact: true }).fill('1');
  await page.locator('#would-be').waitFor();
  assert.match(await page.textContent('#would-be'), /attack|spoof/i);
  assert.equal(await page.getAttribute('#verdict', 'data-verdict'), 'live');
  await page.getByLabel('Threshold', { exact: true }).fill('0.3');
  assert.doesNotMatch(await page.textContent('#would-be'), /attack|spoof/i);
});

scene('a chosen security level holds for the next picture', { origins }, async (page) => {
  await page.goto(service.console());
  await page.getByLabel('Security level').selectOption('hardened');
  const { body: truth } = await service.ask(PORTRAIT, { fields: { security_level: 'hardened' } });
  await page.setInputFiles('#file', portrait);
  assert.equal(await verdictOf(page), truth.verdict);
  const full = JSON.parse(await page.getByRole('tabpanel').locator('pre').textContent());
  assert.deepEqual([full.security_level, full.threshold], ['hardened', truth.threshold]);
});

scene('every face is scored on request', { origins }, async (page) => {
  const two = await draw({ width: 1100, height: 640, places: [[0, 0, 640], [680, 100, 400]] });
  await page.goto(service.console());
  await page.getByLabel('Score every face').check();
  await page.setInputFiles('#file', { name: 'two.jpg', mimeType: 'image/jpeg', buffer: two });
  assert.equal(await verdictOf(page), 'live');
  assert.equal(await page.locator('#faces > li').count(), 2);
  await shoot(page, 'console every face');
});

scene('a picture without a face is not assessed, and the page says what to do', { origins }, async (page) => {
  const empty = await draw({ width: 640, height: 480 });
  assert.equal(await judge(page, { name: 'empty.jpg', mimeType: 'image/jpeg', buffer: empty }), 'not_assessed');
  assert.match(await page.textContent('#reasons'), /Hold the camera so that your whole face is in the picture\./);
  await page.setInputFiles('#file', portrait);
  await eventually('the next verdict', async () => (await verdictOf(page)) === 'live');
});

scene('a dropped picture is assessed like a chosen one', { origins }, async (page) => {
  await page.goto(service.console());
  const transfer = await page.evaluateHandle((base64) => {
    const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
    const made = new DataTransfer();
    made.items.add(new File([bytes], 'portrait.png', { type: 'image/png' }));
    return made;
  }, PORTRAIT.toString('base64'));
  for (const event of ['dragenter', 'dragover', 'drop']) await page.dispatchEvent('#drop', event, { dataTransfer: transfer });
  assert.equal(await verdictOf(page), 'live');
});

scene('the keyboard alone leads to a verdict and its details', { origins }, async (page) => {
  const asked = new Promise((resolve) => { page.once('filechooser', resolve); });
  await page.goto(service.console());
  const isFocused = (selector) => page.$eval(selector, (node) => node === document.activeElement);
  const tabTo = async (selector) => {
    for (let presses = 0; presses < 40; presses += 1) {
      await page.keyboard.press('Tab');
      if (await isFocused(selector)) return;
    }
    assert.fail(`Tab never comes to ${selector}`);
  };
  await tabTo('#file');
  await page.keyboard.press('Space');
  await (await asked).setFiles(portrait);
  assert.equal(await verdictOf(page), 'live');
  await tabTo('#threshold');
  const before = Number(await page.inputValue('#threshold'));
  await page.keyboard.press('ArrowRight');
  assert.ok(Number(await page.inputValue('#threshold')) > before);
  await tabTo('[role="tab"][aria-selected="true"]');
  await page.keyboard.press('ArrowRight');
  const selected = page.locator('[role="tab"][aria-selected="true"]');
  assert.equal(await selected.textContent(), 'Kairos answer');
});

scene('the page fits the width of a phone', { origins, ...PHONE }, async (page) => {
  await page.goto(service.console());
  await assertFits(page);
  await shoot(page, 'console phone empty');
  await judge(page);
  await assertFits(page);
  for (const name of ['Full answer', 'Kairos answer', 'curl']) {
    await page.getByRole('tab', { name }).click();
    await assertFits(page);
  }
  await shoot(page, 'console phone live');
});

scene('the page follows the preferred colour scheme, and keeps the chosen one', { origins, colorScheme: 'dark' }, async (page) => {
  await judge(page);
  assert.ok((await groundOf(page)) < 0.3);
  await shoot(page, 'console dark');
  await page.locator('#theme').click();
  assert.ok((await groundOf(page)) > 0.7);
  await page.reload();
  assert.ok((await groundOf(page)) > 0.7);
  await page.locator('#theme').click();
  assert.ok((await groundOf(page)) < 0.3);
});

scene('axe finds nothing serious, without and with an answer', { origins }, async (page) => {
  await page.goto(service.console());
  await assertAccessible(page);
  await judge(page);
  await assertAccessible(page);
  await page.getByRole('tab', { name: 'curl' }).click();
  await assertAccessible(page);
  const empty = await draw({ width: 640, height: 480 });
  await judge(page, { name: 'empty.jpg', mimeType: 'image/jpeg', buffer: empty });
  await assertAccessible(page);
});

play('The console', service);

// The page that describes the API, served by the binary itself.
import assert from 'node:assert/strict';

import { assertAccessible, assertFits } from './accessible.js';
import { play, scene, shoot } from './scene.js';
import { Service } from './service.js';

const service = await Service.start();
const origins = [service.origin];

scene('the API page sends requests to its own origin only', { origins }, async (page) => {
  const answer = await page.goto(`${service.origin}/docs`);
  assert.equal(answer.status(), 200);
  const text = await page.textContent('body');
  for (const path of ['/v1/liveness', '/v0.2/liveness-verification']) assert.ok(text.includes(path), path);
  await shoot(page, 'docs');
});

scene('the API page fits a phone, and axe finds nothing serious', { origins, viewport: { width: 360, height: 740 } }, async (page) => {
  await page.goto(`${service.origin}/docs`);
  await assertFits(page);
  await assertAccessible(page);
});

play('The page on the API', service);

// The browser example of docs/API.md, with only address and credentials replaced, on a page of another origin.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import path from 'node:path';

import { eventually } from './eventually.js';
import { play, scene } from './scene.js';
import { PORTRAIT, ROOT, Service } from './service.js';

const example = /^```html\n(.*?)^```/ms.exec(readFileSync(path.join(ROOT, 'docs/API.md'), 'utf8'))[1];
const PLACES = "['https://liveness.example.com', 'APP_ID', 'APP_KEY']";

/** A page with its own origin, without style and icon. */
async function site() {
  const server = createServer((request, response) => {
    const isPage = request.url === '/';
    response.writeHead(isPage ? 200 : 204, { 'content-type': 'text/html; charset=utf-8' });
    response.end(isPage ? server.page : '');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  server.end = () => server.close();
  server.origin = `http://127.0.0.1:${server.address().port}`;
  return server;
}

const [allowed, another] = [await site(), await site()];
const settings = { LIVEGATE_INGRESS_CORS_ALLOWED_ORIGINS: JSON.stringify([allowed.origin]) };
const service = await Service.start({ settings });
assert.equal(example.split(PLACES).length, 2, 'the example says where address and credentials go');
allowed.page = example.replace(PLACES, JSON.stringify([service.origin, 'demo', service.key]));
another.page = allowed.page;

const selfie = { name: 'selfie.png', mimeType: 'image/png', buffer: PORTRAIT };
const resultOf = (page) => page.$eval('#result', (output) => output.value);

scene('the example in the documentation works in a browser', { origins: [allowed.origin, service.origin] }, async (page) => {
  await page.goto(allowed.origin);
  await page.setInputFiles('#selfie', selfie);
  const result = await eventually('a result', () => resultOf(page));
  assert.match(result, /^response_code 0, score 0\.\d+$/);
});

scene('the example shows why a picture is refused',
  { origins: [allowed.origin, service.origin], tolerates: [/status of 415/] }, async (page) => {
    await page.goto(allowed.origin);
    await page.setInputFiles('#selfie', { ...selfie, buffer: Buffer.from('no picture') });
    const result = await eventually('a result', () => resultOf(page));
    assert.match(result, /^unsupported_image: .+\.$/);
  });

scene('a page of an unlisted origin gets no answer',
  { origins: [another.origin, service.origin], tolerates: [/CORS policy/, /net::ERR_FAILED/] }, async (page) => {
    await page.goto(another.origin);
    const outcome = await page.evaluate(async ([address, key]) => {
      const headers = { app_id: 'demo', app_key: key };
      return fetch(`${address}/v1/liveness`, { method: 'POST', headers }).then(() => 'answered', (error) => error.name);
    }, [service.origin, service.key]);
    assert.equal(outcome, 'TypeError');
  });

play("The browser's example", service, allowed, another);

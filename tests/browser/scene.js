// A scene is a test in a browser context of its own; the scenes of a file share a browser. A scene fails on an error
// in the console, on an exception that the page does not catch, on a violation of its policy, and on a request to
// another origin.
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import path from 'node:path';
import { after, describe, test } from 'node:test';

import { chromium } from 'playwright-core';

import { eventually } from './eventually.js';
import { ROOT } from './service.js';

const SCREENSHOTS = path.join(ROOT, 'target/screenshots');
/** The film that the camera shows; `pictures.js` makes it before a camera is used. */
export const CAMERA_FILE = path.join(ROOT, `target/browser-camera-${process.pid}.mjpeg`);

export const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
  args: ['--use-fake-device-for-media-stream', `--use-file-for-fake-video-capture=${CAMERA_FILE}`],
});
const scenes = [];

/** A test in a page. The page may send requests to `origins` only. `tolerates` are lines that may stand in the
 *  console, where the browser itself writes one for every error status. A fault that the scene `expects` must come.
 *  Other options go to the context. */
export function scene(name, { origins, tolerates = [], expects, ...options }, act) {
  scenes.push(() => test(name, { timeout: 120_000 }, async () => {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: 'reduce', ...options });
    const page = await context.newPage();
    const faults = await watch(context, page, origins, tolerates);
    try {
      await act(page, context);
      if (expects) await eventually('the fault', () => faults.some((fault) => expects.test(fault)));
      else assert.deepEqual(faults, []);
    } catch (error) {
      await shoot(page, `failed: ${name}`).catch(() => {});
      if (faults.length) error.message += `\nin the page: ${faults.join('\n')}`;
      throw error;
    } finally {
      await context.close();
    }
  }));
}

/** Plays the scenes of a file, then closes the browser and ends the services. */
export function play(what, ...services) {
  describe(what, () => {
    for (const register of scenes) register();
    after(async () => {
      await browser.close();
      for (const service of services) await service.end();
      rmSync(CAMERA_FILE, { force: true });
    });
  });
}

async function watch(context, page, origins, tolerates) {
  const faults = [];
  page.on('pageerror', (error) => faults.push(`not caught: ${error.message}`));
  page.on('console', (message) => {
    const isFault = ['error', 'warning', 'assert'].includes(message.type());
    if (!isFault || tolerates.some((pattern) => pattern.test(message.text()))) return;
    faults.push(`in the console: ${message.text()}`);
  });
  context.on('request', (request) => {
    const { origin } = new URL(request.url());
    if (!origins.includes(origin) && !request.url().startsWith('data:')) faults.push(`asked for ${request.url()}`);
  });
  await page.exposeBinding('__forbidden', (_, what) => faults.push(`forbidden by the policy: ${what}`));
  await page.addInitScript(() => {
    addEventListener('securitypolicyviolation', (event) => {
      window.__forbidden(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
    });
  });
  return faults;
}

/** Saves a picture of the whole page. */
export function shoot(page, name) {
  const file = `${name.replace(/[^a-z0-9]+/gi, '-').toLowerCase()}.png`;
  return page.screenshot({ path: path.join(SCREENSHOTS, file), fullPage: true });
}

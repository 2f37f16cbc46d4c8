// Pictures with the sample portrait, made by the browser.
import { writeFileSync } from 'node:fs';

import { CAMERA_FILE, browser } from './scene.js';
import { PORTRAIT } from './service.js';

const FRAMES_PER_S = 30;

/** A picture of `width` x `height` with the portrait in each of `places` (`[left, top, side]`), as JPEG unless
 *  another type is given. */
export async function draw({ width, height, places = [], type = 'image/jpeg' }) {
  const page = await browser.newPage();
  const drawn = await page.evaluate(async ({ portrait, width, height, places, type }) => {
    const bytes = Uint8Array.from(atob(portrait), (c) => c.charCodeAt(0));
    const picture = await createImageBitmap(new Blob([bytes]));
    const canvas = new OffscreenCanvas(width, height);
    const context = canvas.getContext('2d');
    context.fillStyle = '#9aa7b0';
    context.fillRect(0, 0, width, height);
    for (const [left, top, side] of places) context.drawImage(picture, left, top, side, side);
    const blob = await canvas.convertToBlob({ type, quality: 0.9 });
    let text = '';
    for (const byte of new Uint8Array(await blob.arrayBuffer())) text += String.fromCharCode(byte);
    return btoa(text);
  }, { portrait: PORTRAIT.toString('base64'), width, height, places, type });
  await page.close();
  return Buffer.from(drawn, 'base64');
}

/** Makes the camera's film: a person near the camera, then one too far away, `seconds` each, over and over. An
 *  MJPEG file is one JPEG after another, and Chromium shows thirty a second. */
export async function filmThePortrait(seconds = 3) {
  const near = await draw({ width: 640, height: 480, places: [[80, 0, 480]] });
  const far = await draw({ width: 640, height: 480, places: [[240, 160, 160]] });
  const frames = (picture) => Array(seconds * FRAMES_PER_S).fill(picture);
  writeFileSync(CAMERA_FILE, Buffer.concat([...frames(near), ...frames(far)]));
}

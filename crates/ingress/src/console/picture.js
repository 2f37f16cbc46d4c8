// A picture in memory, from a file, a drop, the clipboard or the camera. It leaves this page only
// as a request to the service.

import { Problem } from './ask.js';

/** Far above any body that the service takes. A larger file is not read. */
const LARGEST = 64 << 20;

/** Reads `file` whole, so that a later change on disk has no effect: `{ blob, name, bitmap }`.
 * `bitmap` is null if the browser cannot show this kind. */
export async function read(file, name = file.name || 'selfie') {
  if (file.size === 0) throw new Problem('empty_file');
  if (file.size > LARGEST) throw new Problem('huge_file');
  let blob;
  try {
    blob = new Blob([await file.arrayBuffer()], { type: file.type });
  } catch {
    throw new Problem('unreadable_file');
  }
  return { blob, name, bitmap: await shown(blob) };
}

/** Frees the memory of `picture`. */
export function drop(picture) {
  picture?.bitmap?.close?.();
}

/** The file that was dropped or pasted. */
export function fileIn(transfer) {
  const files = [...(transfer?.files ?? [])];
  return files.find((file) => file.type.startsWith('image/')) ?? files[0] ?? null;
}

/** True if a drag has files. */
export function bringsFiles(transfer) {
  return [...(transfer?.types ?? [])].includes('Files');
}

/** The picture with its orientation applied. */
async function shown(blob) {
  try {
    return await createImageBitmap(blob, { imageOrientation: 'from-image' });
  } catch {
    return decoded(blob);
  }
}

/** Some browsers show formats of which they make no bitmap. */
async function decoded(blob) {
  const url = URL.createObjectURL(blob);
  try {
    const image = new Image();
    image.src = url;
    await image.decode();
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
    canvas.getContext('2d').drawImage(image, 0, 0);
    return canvas.width > 0 && canvas.height > 0 ? canvas : null;
  } catch {
    return null;
  } finally {
    URL.revokeObjectURL(url);
  }
}

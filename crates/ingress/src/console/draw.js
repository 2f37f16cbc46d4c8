// Draws the picture, its faces, and the models' crops.

import { VERDICTS } from './explain.js';
import { share } from './format.js';

/** Readable on any picture in both themes. Each colour comes with a text. */
const COLOURS = { live: '#4be08f', spoof: '#ff8278', not_assessed: '#ffcf5c', other: '#d5dee8' };
const INK = '#0b1016';
const SHADE = 'rgba(11, 16, 22, 0.6)';

/** The largest magnification, so that a small picture looks small. */
const LARGEST_SCALE = 3;

/** The size of `picture` after its orientation: the answer's if there is one. Places in the answer
 * are in its pixels. */
function sizeOf(picture, answer) {
  const told = answer?.picture;
  if (told?.width > 0 && told?.height > 0) return [told.width, told.height];
  return picture.bitmap ? [picture.bitmap.width, picture.bitmap.height] : null;
}

/** Draws `picture` as wide as its parent allows, with marks for the faces in `answer`. */
export function draw(canvas, picture, answer, hasMarks) {
  const size = sizeOf(picture, answer);
  canvas.hidden = size === null;
  if (size === null) return;
  const [width, height] = size;
  const room = canvas.parentElement.clientWidth;
  const highest = Math.max(240, Math.min(560, window.innerHeight * 0.7));
  const scale = Math.min(room / width, highest / height, LARGEST_SCALE);
  const context = sized(canvas, Math.max(1, width * scale), Math.max(1, height * scale));
  if (picture.bitmap) {
    context.imageSmoothingQuality = 'high';
    context.drawImage(picture.bitmap, 0, 0, width * scale, height * scale);
  } else {
    context.fillStyle = '#39434e';
    context.fillRect(0, 0, width * scale, height * scale);
  }
  if (answer && hasMarks) mark(context, answer, scale, { width: width * scale });
  canvas.setAttribute('aria-label', described(picture, answer));
}

/** Draws only the marks, over a preview of this size that may be mirrored. */
export function drawMarks(canvas, answer, width, height, isMirrored) {
  const context = sized(canvas, width, height);
  const scale = answer?.picture?.width > 0 ? width / answer.picture.width : 0;
  if (scale > 0) mark(context, answer, scale, { width, isMirrored });
}

/** Draws a crop of `answer.crops`, turned upright as the model saw it. False if no part is in the
 * picture. */
export function drawCrop(canvas, picture, answer, { top_left: corner, delta }, side) {
  const size = sizeOf(picture, answer);
  if (!picture.bitmap || size === null) return false;
  const [left, top] = [Math.max(0, corner.x), Math.max(0, corner.y)];
  const width = Math.min(size[0], corner.x + delta.x) - left;
  const height = Math.min(size[1], corner.y + delta.y) - top;
  if (!(width >= 1 && height >= 1)) return false;
  const turned = answer.picture.turned_degrees ?? 0;
  const scale = side / Math.max(width, height);
  const [w, h] = [width * scale, height * scale];
  const context = turned % 180 === 0 ? sized(canvas, w, h) : sized(canvas, h, w);
  context.imageSmoothingQuality = 'high';
  context.translate(...(turned % 180 === 0 ? [w / 2, h / 2] : [h / 2, w / 2]));
  context.rotate((turned * Math.PI) / 180);
  const [x, y] = [picture.bitmap.width / size[0], picture.bitmap.height / size[1]];
  context.drawImage(picture.bitmap, left * x, top * y, width * x, height * y, -w / 2, -h / 2, w, h);
  return true;
}

/** Sizes `canvas` in CSS pixels, at the resolution of the screen. */
function sized(canvas, width, height) {
  const ratio = Math.min(window.devicePixelRatio || 1, 3);
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  canvas.style.width = `${Math.round(width)}px`;
  canvas.style.height = `${Math.round(height)}px`;
  const context = canvas.getContext('2d');
  context.scale(ratio, ratio);
  return context;
}

function mark(context, answer, scale, { width, isMirrored = false }) {
  const faces = answer.faces ?? [];
  const place = (x, wide = 0) => (isMirrored ? width - x * scale - wide * scale : x * scale);
  // The judged face is drawn last, above the others.
  for (const [i, face] of [...faces.entries()].reverse()) {
    const own = face.assessment ?? (i === 0 ? answer : null);
    const isMeant = i === 0;
    const colour = own ? (COLOURS[own.verdict] ?? COLOURS.other) : COLOURS.other;
    const box = {
      x: place(face.top_left.x, face.delta.x),
      y: face.top_left.y * scale,
      w: face.delta.x * scale,
      h: face.delta.y * scale,
    };
    outline(context, box, colour, isMeant);
    const points = Object.values(face.landmarks ?? {});
    for (const { x, y } of points) dot(context, place(x), y * scale, colour);
    const words = [faces.length > 1 ? String(i + 1) : '', own ? VERDICTS[own.verdict]?.word : ''];
    if (Number.isFinite(own?.score)) words.push(share(own.score));
    tag(context, box, words.filter(Boolean).join(' · '), colour, width);
  }
}

function outline(context, { x, y, w, h }, colour, isMeant) {
  const radius = Math.min(10, w / 6, h / 6);
  context.setLineDash(isMeant ? [] : [6, 4]);
  for (const [style, line] of [[SHADE, isMeant ? 6 : 4], [colour, isMeant ? 3 : 1.5]]) {
    context.strokeStyle = style;
    context.lineWidth = line;
    context.beginPath();
    if (context.roundRect) context.roundRect(x, y, w, h, Math.max(0, radius));
    else context.rect(x, y, w, h);
    context.stroke();
  }
  context.setLineDash([]);
}

function dot(context, x, y, colour) {
  for (const [style, radius] of [[SHADE, 4], [colour, 2.5]]) {
    context.fillStyle = style;
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.fill();
  }
}

/** Writes a label above the box, or inside it at the picture's top. */
function tag(context, box, text, colour, width) {
  if (text === '') return;
  const high = 20;
  context.font = '600 12px system-ui, sans-serif';
  const wide = context.measureText(text).width + 12;
  const x = Math.max(0, Math.min(box.x - 1.5, width - wide));
  const y = box.y >= high + 4 ? box.y - high - 4 : Math.max(0, box.y) + 4;
  context.fillStyle = colour;
  context.fillRect(x, y, wide, high);
  context.fillStyle = INK;
  context.textBaseline = 'middle';
  context.fillText(text, x + 6, y + high / 2 + 0.5);
}

function described(picture, answer) {
  if (!answer) return `The picture ${picture.name}`;
  const count = answer.faces?.length ?? 0;
  const found = count === 0 ? 'no face found' : count === 1 ? 'one face found' : `${count} faces found`;
  return `The picture ${picture.name}: ${found}`;
}

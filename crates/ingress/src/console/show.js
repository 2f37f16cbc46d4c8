// Shows an answer on the page.

import { drawCrop } from './draw.js';
import { appear, byId, element, icon } from './element.js';
import { VERDICTS, device, reason, unchecked, verdictAt } from './explain.js';
import { bytes, milliseconds, percent, share } from './format.js';
import { showOther, showScore } from './gauge.js';

/** Longer side of a crop on the page, pixels. */
const CROP_SIDE = 128;

/** Shows all of `answer`, received after `roundTrip` milliseconds. */
export function showAnswer(answer, roundTrip, picture) {
  const { word, meaning } = VERDICTS[answer.verdict] ?? { word: String(answer.verdict), meaning: '' };
  byId('result').dataset.verdict = answer.verdict;
  const heading = byId('verdict');
  heading.textContent = word;
  heading.dataset.verdict = answer.verdict;
  byId('verdict-icon').setAttribute('href', `#icon-${answer.verdict}`);
  byId('meaning').textContent = meaning;
  showScore(answer, word);
  showOther(null);
  showReasons(answer);
  showFaces(answer);
  showModels(answer, picture);
  showTimings(answer.timings_ms ?? {}, roundTrip);
  showFacts(answer, picture);
  appear(byId('welcome'), false);
  appear(byId('result'), true);
}

/** The sentence for screen readers about an answer. */
export function spoken({ verdict, score, reasons }) {
  const parts = [VERDICTS[verdict]?.word ?? verdict];
  if (Number.isFinite(score)) parts.push(`score ${share(score)}`);
  const rejecting = (reasons ?? []).filter(({ severity }) => severity === 'reject');
  parts.push(...rejecting.map((each) => `${reason(each).what}. ${reason(each).hint}`));
  return `${parts.join(', ')}.`;
}

/** The verdict of `answer` at another threshold, as `{ verdict, text }`; null at the requested one.
 * */
export function otherwise(answer, threshold, level) {
  if (level !== '' && level !== answer.security_level) {
    return { verdict: null, text: `Ask again to hear what it is at the level “${level}”.` };
  }
  if (level !== '' || Math.abs(threshold - answer.threshold) < 1e-9) return null;
  if (!Number.isFinite(answer.score)) {
    return { verdict: null, text: 'There is no score, so no threshold would change this.' };
  }
  const verdict = verdictAt(answer.score, threshold);
  const same = verdict === answer.verdict ? 'still be' : 'be';
  const text = `With this threshold it would ${same}: ${VERDICTS[verdict].word}.`;
  return { verdict, text };
}

function showReasons(answer) {
  const reasons = answer.reasons ?? [];
  const items = reasons.map((each) => {
    const { what, figures, hint } = reason(each);
    const isHeavy = each.severity === 'reject';
    const text = element('div', {}, element('p', { class: 'strong' }, what));
    if (hint) text.append(element('p', {}, hint));
    const weight = isHeavy ? 'Not assessed because of this' : 'Only a remark';
    text.append(element('p', { class: 'small' }, [weight, figures].filter(Boolean).join(' · ')));
    return element('li', { 'data-severity': each.severity, 'data-code': each.code }, icon('reject'), text);
  });
  byId('reasons').replaceChildren(...items);
  const words = unchecked(answer.unchecked ?? []);
  byId('unchecked').textContent = words;
  appear(byId('unchecked'), words !== '');
  appear(byId('reasons-part'), items.length > 0 || words !== '');
  appear(byId('reasons'), items.length > 0);
}

/** Shows the verdicts on all faces; only after a request for every face. */
function showFaces({ faces = [] }) {
  const isAsked = faces.some((face) => face.assessment);
  const items = faces.map(({ assessment, confidence }, i) => {
    const sure = Number.isFinite(confidence) ? `, found with ${percent(confidence)} confidence` : '';
    const name = element('span', { class: 'strong' }, `Face ${i + 1}${i === 0 ? ', the largest' : ''}`);
    if (!assessment) return element('li', {}, name, element('span', { class: 'small' }, `Not scored${sure}`));
    const { verdict, score, reasons = [] } = assessment;
    const chip = element('span', { class: 'chip', 'data-verdict': verdict }, VERDICTS[verdict]?.word ?? verdict);
    const number = element('span', { class: 'number' }, Number.isFinite(score) ? share(score) : '–');
    const why = reasons.map((each) => reason(each).what).join(' · ');
    return element('li', {}, name, chip, number, element('span', { class: 'small' }, why));
  });
  byId('faces').replaceChildren(...(isAsked ? items : []));
  appear(byId('faces-part'), isAsked);
}

function showModels(answer, picture) {
  const models = Object.entries(answer.models ?? {});
  byId('models').replaceChildren(...models.map(([id, live]) => bar(id, live)));
  const figures = models.flatMap(([id]) => {
    const place = answer.crops?.[id];
    const figure = place && crop(id, place, answer, picture);
    return figure ? [figure] : [];
  });
  byId('crops').replaceChildren(...figures);
  appear(byId('crops'), figures.length > 0);
  appear(byId('models-part'), models.length > 0);
}

function bar(id, live) {
  const fill = element('span', { class: 'fill' });
  fill.style.width = `${live * 100}%`;
  const track = element(
    'span',
    {
      class: 'track',
      role: 'meter',
      'aria-label': `${id}: probability of a living face`,
      'aria-valuemin': '0',
      'aria-valuemax': '1',
      'aria-valuenow': String(live),
      'aria-valuetext': share(live),
    },
    fill,
  );
  return element('li', {}, element('code', {}, id), track, element('span', { class: 'number' }, share(live)));
}

function crop(id, place, answer, picture) {
  const canvas = element('canvas', { role: 'img', 'aria-label': `What ${id} was shown` });
  if (!drawCrop(canvas, picture, answer, place, CROP_SIDE)) return null;
  const caption = element('figcaption', {}, element('code', {}, id));
  const scale = answer.crop_scales?.[id];
  const size = `${Math.round(place.delta.x)} × ${Math.round(place.delta.y)} px`;
  const lines = [Number.isFinite(scale) ? `${scale.toFixed(1)} × the face` : '', size].filter(Boolean);
  caption.append(...lines.map((line) => element('span', { class: 'small' }, line)));
  return element('figure', { 'data-model': id }, canvas, caption);
}

function showTimings(timings, roundTrip) {
  const steps = [
    ['decode', 'Decode', timings.decode],
    ['detect', 'Find faces', timings.detect],
    ['score', 'Score', timings.score],
  ].filter(([, , time]) => Number.isFinite(time));
  const total = Number.isFinite(timings.total) ? timings.total : 0;
  const rest = total - steps.reduce((sum, [, , time]) => sum + time, 0);
  if (rest > 0.05) steps.push(['rest', 'Everything else', rest]);
  byId('timing-bar').replaceChildren(
    ...steps.filter(([, , time]) => time > 0).map(([kind, , time]) => {
      const part = element('span', { 'data-step': kind });
      part.style.flexGrow = String(Math.max(time, total / 200, 0.001));
      return part;
    }),
  );
  const line = (kind, name, time) =>
    element(
      'li',
      { 'data-step': kind },
      element('span', { class: 'swatch', 'aria-hidden': 'true' }),
      element('span', {}, name),
      element('span', { class: 'number' }, milliseconds(time)),
    );
  byId('timings').replaceChildren(
    ...steps.map((step) => line(...step)),
    line('total', 'In the pipeline', total),
    line('trip', 'Round trip', roundTrip),
  );
}

const FORMATS = { jpeg: 'JPEG', png: 'PNG', webp: 'WebP', bmp: 'BMP', tiff: 'TIFF', gif: 'GIF' };

function showFacts(answer, picture) {
  const { width, height, format, exif_orientation: exif, turned_degrees: turned, reduction } = answer.picture ?? {};
  const about = [
    FORMATS[format] ?? format,
    `${width} × ${height} px`,
    bytes(answer.picture?.bytes ?? picture.blob.size),
  ];
  const facts = [['Picture', about.filter(Boolean).join(', ')]];
  if (exif > 1) facts.push(['Orientation', `EXIF ${exif}, applied`]);
  if (turned > 0) facts.push(['Turned', `by ${turned}° clockwise, to be upright for the models`]);
  if (reduction > 1) facts.push(['Decoded at', `one ${{ 2: 'half', 4: 'fourth', 8: 'eighth' }[reduction] ?? `${reduction}th`} of its size`]);
  const faces = answer.faces ?? [];
  const sure = Number.isFinite(faces[0]?.confidence) ? `, the first with ${percent(faces[0].confidence)} confidence` : '';
  facts.push(['Faces', faces.length === 0 ? 'none found' : `${faces.length} found${sure}`]);
  const bar = answer.security_level ? `${share(answer.threshold)}, of the level ${answer.security_level}` : share(answer.threshold);
  facts.push(['Threshold', bar]);
  const digest = String(answer.pack?.digest ?? '');
  const short = element('code', { title: digest }, digest.slice(0, 12));
  facts.push(['Model pack', element('span', {}, `${answer.pack?.name ?? '–'} `, short)]);
  facts.push(['Runs on', device(answer.device)]);
  facts.push(['Request', element('code', { class: 'small' }, String(answer.api_req_uid ?? '–'))]);
  byId('facts').replaceChildren(
    ...facts.map(([name, fact]) => element('div', {}, element('dt', {}, name), element('dd', {}, fact))),
  );
}

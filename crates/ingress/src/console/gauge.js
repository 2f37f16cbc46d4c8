// The score on half a circle, with marks at thresholds.

import { byId } from './element.js';
import { share } from './format.js';

/** Shows `answer`'s score and threshold. */
export function showScore({ score, threshold, verdict }, word) {
  const gauge = byId('gauge');
  const hasScore = Number.isFinite(score);
  gauge.dataset.verdict = verdict;
  byId('gauge-arc').style.strokeDasharray = `${hasScore ? Math.max(score, 0.004) : 0} 2`;
  byId('gauge-number').textContent = hasScore ? share(score) : '–';
  turn(byId('gauge-mark'), threshold);
  byId('gauge-text').textContent = hasScore ? `Threshold ${share(threshold)}` : 'No score';
  // Without a value it must not be announced as a meter.
  const meter = {
    'aria-valuemin': '0',
    'aria-valuemax': '1',
    'aria-valuenow': String(score),
    'aria-valuetext': `${share(score)}, threshold ${share(threshold)}: ${word}`,
  };
  for (const [name, value] of Object.entries(meter)) {
    if (hasScore) gauge.setAttribute(name, value);
    else gauge.removeAttribute(name);
  }
  gauge.setAttribute('role', hasScore ? 'meter' : 'img');
  gauge.setAttribute('aria-label', hasScore ? 'Score' : 'No score');
}

/** Marks another threshold; null removes the mark. */
export function showOther(threshold) {
  const mark = byId('gauge-other');
  mark.toggleAttribute('hidden', threshold === null);
  if (threshold !== null) turn(mark, threshold);
}

/** Turns a mark from 0 at the left to `value`. */
function turn(mark, value) {
  mark.setAttribute('transform', `rotate(${value * 180} 100 100)`);
}

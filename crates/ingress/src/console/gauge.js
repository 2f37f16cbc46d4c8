// The score on half a circle, with marks where thresholds are.

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
  if (hasScore) {
    gauge.setAttribute('role', 'meter');
    gauge.setAttribute('aria-valuemin', '0');
    gauge.setAttribute('aria-valuemax', '1');
    gauge.setAttribute('aria-valuenow', String(score));
    gauge.setAttribute('aria-valuetext', `${share(score)}, threshold ${share(threshold)}: ${word}`);
    gauge.setAttribute('aria-label', 'Score');
  } else {
    gauge.setAttribute('role', 'img');
    for (const name of ['valuemin', 'valuemax', 'valuenow', 'valuetext']) gauge.removeAttribute(`aria-${name}`);
    gauge.setAttribute('aria-label', 'No score');
  }
}

/** Shows where another threshold would be, or nothing where it is null. */
export function showOther(threshold) {
  const mark = byId('gauge-other');
  mark.toggleAttribute('hidden', threshold === null);
  if (threshold !== null) turn(mark, threshold);
}

/** The mark is drawn at 0; from there it goes to the right in half a circle. */
function turn(mark, value) {
  mark.setAttribute('transform', `rotate(${value * 180} 100 100)`);
}

// The page while the camera runs: buttons, preview with marks, and one sentence of guidance.

import { start } from './camera.js';
import { drawMarks } from './draw.js';
import { appear, byId } from './element.js';
import { VERDICTS, guidance } from './explain.js';
import { share } from './format.js';
import { steady, watch } from './live.js';
import { told } from './problems.js';

/** The number of failures in a row after which the camera stops. */
const MOST_FAILURES = 5;

/** Errors that the next frame would meet again. */
const FINAL = ['invalid_credentials', 'usage_limit_reached', 'no_credentials', 'not_found', 'invalid_security_level'];

let camera = null;
let endWatch = null;
let isStarting = false;

export const live = { isOn: () => camera !== null, stop: () => stop() };
/** The functions that the page passed to `setUpCamera`. */
let page = null;

/** Connects the buttons to the camera. `asked` holds the page's functions: terms, caller, fail,
 * began, ended, taken. */
export function setUpCamera(asked) {
  page = asked;
  byId('camera-start').addEventListener('click', begin);
  byId('camera-stop').addEventListener('click', () => {
    stop();
    byId('camera-start').focus();
  });
  byId('camera-take').addEventListener('click', takeOne);
  // A hidden or closed page must not keep the camera.
  window.addEventListener('pagehide', () => stop());
}

async function begin() {
  if (camera !== null || isStarting) return;
  isStarting = true;
  byId('camera-start').disabled = true;
  try {
    page.caller();
    camera = await start(byId('preview'), () => giveUp({ code: 'camera_lost', retryAfter: null }));
  } catch (problem) {
    page.fail(problem, begin);
    return;
  } finally {
    isStarting = false;
    byId('camera-start').disabled = false;
  }
  showButtons();
  page.began();
  const say = steady((text) => (byId('guidance').textContent = text));
  say('Look into the camera');
  appear(byId('guidance'), true);
  byId('camera-take').focus({ preventScroll: true });
  let failures = 0;
  endWatch = watch(camera, {
    terms: page.terms,
    who: page.caller,
    heard: ({ answer }) => {
      failures = 0;
      say(guidance(answer));
      showLive(answer);
    },
    failed: (problem, seconds) => {
      failures += 1;
      if (FINAL.includes(problem.code) || failures >= MOST_FAILURES) {
        giveUp(problem);
        return false;
      }
      showLive(null);
      say(`${told(problem).what} Trying again in ${Math.ceil(seconds)} s.`, true);
      return true;
    },
  });
}

function giveUp(problem) {
  stop();
  page.fail(problem, begin);
}

function stop() {
  if (camera === null) return;
  endWatch?.();
  camera.stop();
  [camera, endWatch] = [null, null];
  byId('guidance').textContent = '';
  appear(byId('guidance'), false);
  showLive(null);
  showButtons();
  page.ended();
}

async function takeOne() {
  if (camera === null) return;
  let frame;
  try {
    frame = await camera.frame();
  } catch (problem) {
    giveUp(problem);
    return;
  }
  stop();
  page.taken(frame);
}

function showButtons() {
  const isOn = camera !== null;
  appear(byId('viewfinder'), isOn);
  appear(byId('camera-take'), isOn);
  appear(byId('camera-stop'), isOn);
  appear(byId('camera-start'), !isOn);
}

/** Shows the verdict on the last frame, and its marks over the mirrored preview. */
function showLive(answer) {
  const video = byId('preview');
  drawMarks(byId('overlay'), answer, video.clientWidth, video.clientHeight, true);
  appear(byId('live'), answer !== null);
  if (answer === null) return;
  const chip = byId('live-verdict');
  chip.textContent = VERDICTS[answer.verdict]?.word ?? answer.verdict;
  chip.dataset.verdict = answer.verdict;
  const hasScore = Number.isFinite(answer.score);
  byId('live-score').textContent = hasScore ? share(answer.score) : '–';
  byId('live-bar').style.width = `${hasScore ? answer.score * 100 : 0}%`;
  byId('live-mark').style.left = `${answer.threshold * 100}%`;
}

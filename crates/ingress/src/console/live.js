// Sends a frame each second while the camera runs: one request at a time, and none while the page
// is hidden.

import { Problem, askAll } from './ask.js';

/** From one request to the next, milliseconds. */
const EVERY = 1000;
/** Longest wait after a failure without `Retry-After`, milliseconds. */
const LONGEST_WAIT = 10_000;
/** Shortest time for which a sentence is shown, milliseconds, so that it can be read. */
const LEAST = 1500;

/** Watches `camera`. Calls `heard(result)` with each answer, and `failed(problem, seconds)` with
 * each failure and the wait after it; false from `failed` ends the watch. Returns a function that
 * ends it. */
export function watch(camera, { terms, who, heard, failed }) {
  const end = new AbortController();
  const { signal } = end;
  const run = async () => {
    let failures = 0;
    while (!signal.aborted) {
      await inSight(signal);
      const begun = performance.now();
      let wait;
      try {
        const frame = await camera.frame();
        const result = await askAll(frame, terms(), who(), signal);
        if (signal.aborted) return;
        failures = 0;
        heard(result);
        wait = EVERY - (performance.now() - begun);
      } catch (error) {
        if (signal.aborted) return;
        failures += 1;
        const problem = error instanceof Problem ? error : new Problem('camera_unknown');
        const seconds = problem.retryAfter ?? Math.min(2 ** failures * EVERY, LONGEST_WAIT) / 1000;
        if (!failed(problem, seconds)) return;
        wait = seconds * 1000;
      }
      await pause(Math.max(wait, 0), signal);
    }
  };
  run();
  return () => end.abort();
}

/** Wraps `show`: each sentence stays at least `LEAST`, and the shown one is not shown again. */
export function steady(show) {
  let shown = null;
  let since = -Infinity;
  return (text, isUrgent = false) => {
    const now = performance.now();
    if (text === shown || (!isUrgent && now - since < LEAST)) return;
    [shown, since] = [text, now];
    show(text);
  };
}

/** Waits until the page is visible. */
function inSight(signal) {
  if (!document.hidden || signal.aborted) return Promise.resolve();
  return new Promise((done) => {
    document.addEventListener('visibilitychange', done, { once: true });
    signal.addEventListener('abort', done, { once: true });
  });
}

function pause(time, signal) {
  return new Promise((done) => {
    const timer = setTimeout(end, time);
    function end() {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      done();
    }
    signal.addEventListener('abort', end);
  });
}

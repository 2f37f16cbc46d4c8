// Asks about a frame a second for as long as the camera runs: never about two at a time, and not while nobody looks.

import { Problem, askAll } from './ask.js';

/** From one question to the next, milliseconds. */
const EVERY = 1000;
/** Longest wait after a failure for which the service says no time, milliseconds. */
const LONGEST_WAIT = 10_000;
/** A sentence stays for so long, milliseconds, or nobody could read it. */
const LEAST = 1500;

/** Watches `camera`: `heard(result)` is told of each answer, and `failed(problem, seconds)` of what came instead and how
 * long it waits; where that returns false, it ends. Gives back what ends it. */
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

/** Shows one sentence at a time, each for long enough to be read, and none again that is there already. */
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

/** Comes back once the page can be seen. */
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

// The console: passes input to the other modules, and shows their results on the page.

import { Problem, askAll, askKairos } from './ask.js';
import { live, setUpCamera } from './booth.js';
import * as who from './credentials.js';
import { command } from './curl.js';
import { draw } from './draw.js';
import { appear, byId } from './element.js';
import { indented, milliseconds, share } from './format.js';
import { showOther } from './gauge.js';
import { bringsFiles, drop as giveBack, fileIn, read } from './picture.js';
import { told } from './problems.js';
import { otherwise, showAnswer, spoken } from './show.js';
import { tabs } from './tabs.js';

/** The picture on the page, `{ blob, name, bitmap }`. */
let picture = null;
/** The last answer about it, `{ answer, text, roundTrip, terms, kairos }`. */
let last = null;
/** Aborts the request under way. */
let asking = null;
/** Repeats the failed action. */
let retry = null;
/** Repeats the failed action with new credentials. */
let asOther = null;
/** The number of files chosen so far. Only the last one is shown, even if an earlier one is read
 * later. */
let chosen = 0;

// Credentials.

function showWho() {
  const known = who.credentials();
  byId('who').textContent = known === null ? '' : `App ${known.id}`;
  appear(byId('change'), known !== null);
  appear(byId('credentials'), known === null);
}

/** Shows the form for credentials. */
function askWho() {
  appear(byId('credentials'), true);
  const id = byId('app-id');
  id.value ||= who.credentials()?.id ?? '';
  (id.value === '' ? id : byId('app-key')).focus({ preventScroll: true });
  byId('credentials').scrollIntoView({ block: 'nearest' });
}

/** The credentials; throws a problem if there are none. */
function caller() {
  const known = who.credentials();
  if (known === null) throw new Problem('no_credentials');
  return known;
}

byId('credentials-form').addEventListener('submit', (event) => {
  event.preventDefault();
  const [id, key] = [byId('app-id').value.trim(), byId('app-key').value.trim()];
  const objection = who.objection(id, key);
  if (objection !== null) {
    fail(new Problem('no_credentials'), null, objection);
    return;
  }
  who.use(id, key);
  byId('app-key').value = '';
  const again = asOther;
  clearProblem();
  showWho();
  byId('file').focus();
  again?.();
});
byId('change').addEventListener('click', () => {
  if (byId('credentials').hidden) askWho();
  else showWho();
});
window.addEventListener('hashchange', () => {
  if (!who.find()) return;
  clearProblem();
  showWho();
});

// Problems.

/** Shows `problem` and the next step. `again` repeats the failed action. */
function fail(problem, again = null, next = null) {
  const { what, next: usual, canRetry, asksWho, small } = told(problem);
  const box = byId('problem');
  box.dataset.code = problem.code;
  byId('problem-what').textContent = what;
  byId('problem-next').textContent = next ?? usual;
  byId('problem-small').textContent = small;
  retry = canRetry ? again : null;
  if (next === null) asOther = asksWho ? again : null;
  const button = byId('retry');
  appear(button, retry !== null);
  button.disabled = problem.retryAfter !== null;
  if (button.disabled) {
    const mine = retry;
    setTimeout(() => {
      if (retry === mine) button.disabled = false;
    }, problem.retryAfter * 1000);
  }
  appear(box, true);
  if (problem.code === 'invalid_credentials') {
    byId('app-id').value = who.credentials()?.id ?? '';
    who.forget();
    showWho();
  }
  if (asksWho) askWho();
  box.scrollIntoView({ block: 'nearest' });
}

function clearProblem() {
  [retry, asOther] = [null, null];
  delete byId('problem').dataset.code;
  appear(byId('problem'), false);
}

/** Runs `act`, and shows its problem if it fails. */
async function trying(act) {
  try {
    await act();
  } catch (error) {
    if (error?.name === 'AbortError') return;
    if (!(error instanceof Problem)) throw error;
    fail(error, () => trying(act));
  }
}

byId('dismiss').addEventListener('click', clearProblem);
byId('retry').addEventListener('click', () => retry?.());

// The picture.

/** Takes a file as the picture, and asks about it. */
async function take(file) {
  live.stop();
  asking?.abort();
  clearProblem();
  await trying(async () => {
    if (!file) throw new Problem('not_a_file');
    chosen += 1;
    const mine = chosen;
    const taken = await read(file);
    if (mine === chosen) await adopt(taken);
    else giveBack(taken);
  });
}

/** Shows `taken`, and asks about it. */
async function adopt(taken) {
  giveBack(picture);
  [picture, last] = [taken, null];
  // Greyed out, so that the last verdict is not taken for this picture's. Hiding it would make the
  // page jump.
  for (const id of ['result', 'details']) byId(id).classList.add('is-stale');
  for (const id of ['result', 'verdict']) delete byId(id).dataset.verdict;
  byId('again').disabled = false;
  appear(byId('picture-note'), false);
  showWouldBe();
  redraw();
  await askAgain();
}

function redraw() {
  byId('stage').dataset.shows = live.isOn() ? 'camera' : picture === null ? 'nothing' : 'picture';
  appear(byId('picture'), false);
  appear(byId('marks-choice'), !live.isOn() && last !== null);
  if (picture !== null && !live.isOn()) {
    draw(byId('picture'), picture, last?.answer ?? null, byId('marks').checked);
  }
}

const stage = byId('stage');
byId('file').addEventListener('change', ({ target }) => {
  const [file] = target.files;
  // Reset, so that choosing the same file again fires the event.
  if (file) take(file).finally(() => (target.value = ''));
});
byId('drop').addEventListener('click', ({ target }) => {
  if (target.closest('label, input') === null) byId('file').click();
});
document.addEventListener('paste', (event) => {
  const file = fileIn(event.clipboardData);
  if (file === null) return;
  event.preventDefault();
  take(file);
});
// A file dropped beside the stage must not replace the page.
document.addEventListener('dragover', (event) => {
  if (!bringsFiles(event.dataTransfer)) return;
  event.preventDefault();
  stage.classList.add('is-over');
});
document.addEventListener('dragleave', ({ relatedTarget }) => {
  if (relatedTarget === null) stage.classList.remove('is-over');
});
document.addEventListener('drop', (event) => {
  event.preventDefault();
  stage.classList.remove('is-over');
  take(fileIn(event.dataTransfer));
});
byId('marks').addEventListener('change', redraw);
let width = 0;
new ResizeObserver(([{ contentRect }]) => {
  if (contentRect.width === width) return;
  width = contentRect.width;
  requestAnimationFrame(redraw);
}).observe(stage.parentElement);

// The request.

/** The terms that the picture is judged by. */
function terms() {
  return {
    threshold: Number(byId('threshold').value),
    level: byId('level').value,
    everyFace: byId('every-face').checked,
  };
}

function askAgain() {
  return trying(async () => {
    clearProblem();
    asking?.abort();
    const mine = new AbortController();
    asking = mine;
    busy(true);
    const asked = terms();
    try {
      const result = await askAll(picture, asked, caller(), mine.signal);
      if (asking === mine) answered({ ...result, terms: asked, kairos: null });
    } finally {
      if (asking === mine) busy(false);
      if (last === null && asking === mine) showNothing();
    }
  });
}

/** Shows that this picture has no answer. */
function showNothing() {
  appear(byId('result'), false);
  appear(byId('details'), false);
  appear(byId('welcome'), true);
}

function busy(isBusy) {
  byId('result').setAttribute('aria-busy', String(isBusy));
  stage.classList.toggle('is-asking', isBusy);
  byId('again').disabled = isBusy || picture === null;
  if (isBusy) say('Asking the service.');
}

function answered(result) {
  last = result;
  const { answer, text, roundTrip } = result;
  showWho();
  showAnswer(answer, roundTrip, picture);
  appear(byId('picture-note'), picture.bitmap === null);
  // The slider moves to the level's threshold, so that it continues from there.
  if (result.terms.level !== '') byId('threshold').value = String(answer.threshold);
  showWouldBe();
  byId('full').textContent = indented(text);
  showCurl();
  showKairos();
  appear(byId('details'), true);
  for (const id of ['result', 'details']) byId(id).classList.remove('is-stale');
  redraw();
  say(spoken(answer));
  const verdict = byId('result').getBoundingClientRect();
  if (verdict.top > window.innerHeight * 0.8) byId('result').scrollIntoView({ block: 'start' });
}

/** Has a screen reader say `text`. */
function say(text) {
  byId('said').textContent = text;
}

function showWouldBe() {
  const { threshold, level } = terms();
  const text = share(threshold);
  byId('threshold-text').textContent = text;
  const other = last === null ? null : otherwise(last.answer, threshold, level);
  const note = byId('would-be');
  appear(note, other !== null);
  note.textContent = other?.text ?? '';
  if (other?.verdict) note.dataset.verdict = other.verdict;
  else delete note.dataset.verdict;
  const isMoved = other !== null && level === '';
  if (last !== null) showOther(isMoved ? threshold : null);
  byId('threshold').setAttribute('aria-valuetext', isMoved ? `${text}. ${other.text}` : text);
}

byId('threshold').addEventListener('input', () => {
  // A request has a threshold or a level.
  byId('level').value = '';
  showWouldBe();
});
byId('level').addEventListener('change', showWouldBe);
byId('again').addEventListener('click', askAgain);

// For programs.

function showCurl() {
  if (last === null) return;
  byId('curl').textContent = command(picture.name, last.terms, who.credentials(), byId('show-key').checked);
}

function showKairos() {
  const note = byId('kairos-note');
  const result = last?.kairos;
  appear(byId('kairos'), Boolean(result));
  appear(byId('ask-kairos'), !result);
  appear(document.querySelector('.copy[data-of=kairos]'), Boolean(result));
  byId('kairos').textContent = result ? indented(result.text) : '';
  note.textContent = result
    ? `POST /v0.2/liveness-verification, answered in ${milliseconds(result.roundTrip)}; it was counted as a request of its own.`
    : 'The same picture as a Kairos client would send it. It counts against the app’s quota once more.';
}

const needKairos = () => trying(async () => {
  const mine = last;
  if (mine === null || mine.kairos !== null || mine.isAskingKairos) return;
  mine.isAskingKairos = true;
  try {
    mine.kairos = await askKairos(picture, mine.answer.threshold, caller());
  } finally {
    mine.isAskingKairos = false;
  }
  if (last === mine) showKairos();
});

tabs(byId('tabs'), (tab, isMeant) => {
  if (tab.id === 'tab-kairos' && isMeant) needKairos();
});
byId('ask-kairos').addEventListener('click', needKairos);
byId('show-key').addEventListener('change', showCurl);
document.addEventListener('click', async ({ target }) => {
  const button = target.closest('.copy');
  if (button === null) return;
  const text = byId(button.dataset.of);
  try {
    await navigator.clipboard.writeText(text.textContent);
    say('Copied.');
    button.textContent = 'Copied';
  } catch {
    // Copying is not allowed, or the page is not secure: select the text instead.
    getSelection().selectAllChildren(text);
    say('Selected; copy it with the keyboard.');
    button.textContent = 'Selected';
  }
  setTimeout(() => (button.textContent = 'Copy'), 2000);
});

// The theme.

const dark = matchMedia('(prefers-color-scheme: dark)');
const root = document.documentElement;

function showTheme() {
  const isDark = (root.dataset.theme ?? (dark.matches ? 'dark' : 'light')) === 'dark';
  byId('theme').setAttribute('aria-pressed', String(isDark));
  return isDark;
}

byId('theme').addEventListener('click', () => {
  root.dataset.theme = showTheme() ? 'light' : 'dark';
  try {
    localStorage.setItem('livegate-theme', root.dataset.theme);
  } catch {
    // Without storage the theme lasts until the page is left.
  }
  showTheme();
});
dark.addEventListener('change', showTheme);

// The camera.

setUpCamera({
  terms: () => ({ ...terms(), everyFace: false }),
  caller,
  fail,
  began: () => {
    asking?.abort();
    clearProblem();
    redraw();
  },
  ended: redraw,
  taken: (frame) => take(new File([frame.blob], frame.name, { type: frame.blob.type })),
});

who.find();
showWho();
showTheme();
showWouldBe();
redraw();

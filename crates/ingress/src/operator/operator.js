import { Exposition } from './operator/exposition.js';
import { History } from './operator/history.js';

const POLL_MS = 2_000;
const PATIENCE_MS = 5_000;
const SHOWN_MS = 300_000;
const LATENCY_MS = 60_000;
/** The span of "now": long enough that a single request does not make the figure jump. */
const NOW_MS = 10_000;

const history = new History(SHOWN_MS);
const byId = (id) => document.getElementById(id);

/** Sets a text only if it changes, so that selections stay and screen readers do not repeat it. */
function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function element(name, text, properties = {}) {
  const made = document.createElement(name);
  made.textContent = text;
  return Object.assign(made, properties);
}

/** Puts rows into the body of a table, unless they are there already. */
function fill(body, rows, none) {
  const text = JSON.stringify(rows);
  if (body.dataset.rows === text) return;
  body.dataset.rows = text;
  const columns = body.parentElement.querySelectorAll('thead th').length;
  const empty = () => [element('td', none, { className: 'empty', colSpan: columns })];
  const cells = rows.length ? rows.map((row) => row.map((cell) => element('td', cell))) : [empty()];
  body.replaceChildren(...cells.map((row) => {
    const made = document.createElement('tr');
    made.append(...row);
    return made;
  }));
}

async function ask(path, wanted = [200]) {
  const answer = await fetch(path, { cache: 'no-store', signal: AbortSignal.timeout(PATIENCE_MS) });
  if (!wanted.includes(answer.status)) throw new Error(`it answers ${path} with status ${answer.status}`);
  return answer;
}

async function look() {
  const [exposition, ready, version, recent] = await Promise.all([
    ask('/metrics').then(async (answer) => new Exposition(await answer.text())),
    ask('/readyz', [200, 503]).then((answer) => answer.json()),
    ask('/version').then((answer) => answer.json()),
    ask('/recent-refusals').then((answer) => answer.json()),
  ]);
  history.add(performance.now(), exposition);
  showReadiness(ready);
  showRates();
  showLatency();
  showWork(exposition);
  showCounts(exposition);
  showRecent(recent.refusals);
  showVersion(version);
}

function showReadiness({ status, reasons = [] }) {
  const isReady = status === 'ready';
  byId('state').dataset.state = isReady ? 'ready' : 'not-ready';
  say(byId('state'), isReady ? 'Ready' : 'Not ready');
  const wrong = byId('wrong');
  if (wrong.dataset.reasons === JSON.stringify(reasons)) return;
  wrong.dataset.reasons = JSON.stringify(reasons);
  wrong.replaceChildren(...reasons.map((reason) => element('li', reason)));
}

const rounded = (number) => (number < 10 ? number.toFixed(1) : Math.round(number).toLocaleString('en'));

function showRates() {
  const now = history.over(NOW_MS)?.perSecond;
  say(byId('rate'), now === undefined ? '–' : rounded(now));
  const rates = history.rates();
  if (rates.length === 0) return;
  const [WIDTH, HEIGHT] = [300, 60];
  const end = rates.at(-1).at;
  const peak = Math.max(...rates.map(({ perSecond }) => perSecond));
  const points = rates
    .map(({ at, perSecond }) => [WIDTH * (1 - (end - at) / SHOWN_MS), HEIGHT * (1 - perSecond / (peak || 1))])
    .filter(([x]) => x >= 0)
    .map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`);
  const from = points[0].split(',')[0];
  const [area, line] = byId('rates').children;
  line.setAttribute('d', `M${points.join('L')}`);
  area.setAttribute('d', `M${from},${HEIGHT}L${points.join('L')}L${WIDTH},${HEIGHT}Z`);
  byId('rates').setAttribute('aria-label',
    `Requests a second over the last 5 minutes: ${rounded(now)} now, ${rounded(peak)} at most`);
  say(byId('peak'), `at most ${rounded(peak)}/s`);
}

function showLatency() {
  const minute = history.over(LATENCY_MS);
  for (const [id, q] of [['p50', 0.5], ['p99', 0.99]]) {
    const seconds = minute?.quantile(q) ?? null;
    say(byId(id), seconds === null ? '–' : seconds === Infinity ? 'over 10 s' : inMilliseconds(seconds * 1000));
  }
}

const inMilliseconds = (ms) => `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;

function showWork(exposition) {
  const value = (name, labels) => exposition.value(`livegate_${name}`, labels);
  for (const state of ['busy', 'idle', 'rebuilding']) say(byId(state), `${value('workers', { state })}`);
  say(byId('queue'), `${value('queue_depth')}`);
  const of = (name) => `${value(name)} of ${value(`${name}_limit`)}`;
  say(byId('in-flight'), of('requests_in_flight'));
  say(byId('connections'), of('connections'));
}

function showCounts(exposition) {
  const lately = history.over(SHOWN_MS);
  const rows = (names, since, recent) =>
    names.map((name) => [name, `${recent?.get(name) ?? 0}`, `${since.get(name) ?? 0}`]);
  const verdicts = exposition.sums('livegate_verdicts_total', 'verdict');
  fill(byId('verdicts'), rows(['live', 'spoof', 'not_assessed'], verdicts, lately?.verdicts), '');
  const refusals = exposition.sums('livegate_requests_total', 'code');
  refusals.delete('ok');
  const codes = [...refusals.keys()].sort((a, b) => refusals.get(b) - refusals.get(a) || a.localeCompare(b));
  fill(byId('refusals'), rows(codes, refusals, lately?.refusals), 'Nothing was refused.');
}

function showRecent(refusals) {
  const rows = refusals.map((refusal) => [
    refusal.requested_at, `${refusal.status}`, refusal.code, refusal.route, inMilliseconds(refusal.duration_ms),
    refusal.request_id,
  ]);
  fill(byId('recent'), rows, 'Nothing was refused.');
}

function showVersion({ version, commit, pack, device, fallback, onnxruntime }) {
  const facts = [
    ['Livegate', commit ? `${version}, commit ${commit}` : version],
    ['Model pack', pack.name],
    ['Its digest', pack.digest],
    ['Runs on', fallback ? `${device}: ${fallback}` : device],
    ['ONNX Runtime', onnxruntime],
  ];
  const list = byId('version');
  if (list.dataset.facts === JSON.stringify(facts)) return;
  list.dataset.facts = JSON.stringify(facts);
  list.replaceChildren(...facts.flatMap(([name, fact]) => [element('dt', name), element('dd', fact)]));
}

/** Shows that the figures could not be fetched. */
function complain(error) {
  byId('state').dataset.state = 'silent';
  say(byId('state'), 'No answer');
  const isSilent = error instanceof TypeError || error.name === 'TimeoutError';
  const what = isSilent ? 'The service does not answer' : `The service cannot be read: ${error.message}`;
  say(byId('notice'), `${what}. It is asked again every two seconds; the figures are those of its last answer.`);
}

/** Fetches the figures every two seconds while the page is visible. */
async function watch() {
  for (;;) {
    if (document.hidden) await new Promise((seen) => document.addEventListener('visibilitychange', seen, { once: true }));
    try {
      await look();
      say(byId('notice'), '');
    } catch (error) {
      complain(error);
    }
    await new Promise((over) => setTimeout(over, POLL_MS));
  }
}

watch();

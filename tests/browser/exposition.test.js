// The operator's page: the two modules that compute its figures from metrics, without a browser.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

/** A module in the form in which it is served. By its file name Node would load it as CommonJS. */
async function served(name) {
  const source = readFileSync(new URL(`../../crates/ingress/src/operator/${name}`, import.meta.url), 'utf8');
  return import(`data:text/javascript,${encodeURIComponent(source)}`);
}

const { Exposition } = await served('exposition.js');
const { History, quantile } = await served('history.js');

test('samples are read with their labels and values, and comments are not', () => {
  const page = new Exposition(
    '# HELP a What a is.\n# TYPE a counter\na 1\na_b:c{x="1",y="two"} -2.5e-3\na_b:c{x="2",} +Inf\n\nc{} 7 1700000000000\n',
  );
  assert.equal(page.value('a'), 1);
  assert.equal(page.value('a_b:c', { y: 'two' }), -0.0025);
  assert.equal(page.value('a_b:c', { x: '2' }), Infinity);
  assert.equal(page.value('c'), 7);
  assert.deepEqual(page.samples('none'), []);
});

test('escapes in labels are decoded, and other characters mean themselves', () => {
  const page = new Exposition(String.raw`a{x="} 1,y=\"q\" \\ \n # {"} 3` + '\n');
  assert.deepEqual([...page.samples('a')[0].labels], [['x', '} 1,y="q" \\ \n # {']]);
});

test('text that is no exposition is an error, and never a missing figure', () => {
  const broken = [
    '', 'a 1', 'a\n', 'a one\n', 'a 0x10\n', 'a 1e\n', 'a  1\n', '1a 1\n', 'a{x=1} 1\n', 'a{x="1"y="2"} 1\n', 'a{x="1} 1\n',
    'a{x="\\q"} 1\n', 'a{x="1",x="2"} 1\n', 'a 1\na 2\n', 'a{x="1",y="2"} 1\na{y="2",x="1"} 1\n', '<!doctype html>\n', '{"error":{}}\n',
    'a 1 2 3\n',
  ];
  for (const text of broken) assert.throws(() => new Exposition(text), SyntaxError, JSON.stringify(text));
});

test('a series that is missing, or that several match, has no value', () => {
  const page = new Exposition('a{x="1"} 1\na{x="2"} 2\n');
  assert.throws(() => page.value('b'), RangeError);
  assert.throws(() => page.value('a'), RangeError);
  assert.deepEqual([...page.sums('a', 'x')], [['1', 1], ['2', 2]]);
});

/** Metrics after so many answers of 200 and so many refusals, all within 10 ms or all within 100 ms. */
function page({ ok = 0, refused = 0, slow = 0, live = 0 }) {
  const all = ok + refused;
  return new Exposition(`livegate_requests_total{route="/v1/liveness",status="200",code="ok"} ${ok}
livegate_requests_total{route="other",status="404",code="not_found"} ${refused}
livegate_requests_total{route="/v1/liveness",status="404",code="not_found"} 0
livegate_request_duration_seconds_bucket{route="/v1/liveness",le="0.01"} ${ok - slow}
livegate_request_duration_seconds_bucket{route="/v1/liveness",le="0.1"} ${ok}
livegate_request_duration_seconds_bucket{route="/v1/liveness",le="+Inf"} ${ok}
livegate_request_duration_seconds_bucket{route="other",le="0.01"} ${refused}
livegate_request_duration_seconds_bucket{route="other",le="0.1"} ${refused}
livegate_request_duration_seconds_bucket{route="other",le="+Inf"} ${refused}
livegate_verdicts_total{pack="starter",verdict="live"} ${live}
livegate_verdicts_total{pack="other",verdict="live"} 1
livegate_all ${all}
`);
}

test('rates, verdicts and refusals are the differences of two readings', () => {
  const history = new History(300_000);
  history.add(0, page({ ok: 1000, refused: 50, live: 7 }));
  assert.equal(history.over(60_000), null);
  assert.deepEqual(history.rates(), []);
  history.add(2_000, page({ ok: 1010, refused: 54, live: 10 }));
  const lately = history.over(60_000);
  assert.equal(lately.perSecond, 7);
  assert.equal(lately.verdicts.get('live'), 3);
  assert.deepEqual([...lately.refusals], [['not_found', 4]]);
  history.add(4_000, page({ ok: 1010, refused: 54, live: 10 }));
  assert.deepEqual(history.rates(), [{ at: 2_000, perSecond: 7 }, { at: 4_000, perSecond: 0 }]);
  assert.equal(history.over(2_000).perSecond, 0);
  assert.equal(history.over(60_000).perSecond, 3.5);
});

test('latency is that of the chosen period, and a path without requests has none', () => {
  const history = new History(300_000);
  history.add(0, page({ ok: 100, slow: 100 }));
  history.add(2_000, page({ ok: 200, slow: 100, refused: 1e6 }));
  assert.equal(history.over(2_000).quantile(0.5), 0.005);
  history.add(4_000, page({ ok: 200, slow: 100, refused: 1e6 }));
  assert.equal(history.over(2_000).quantile(0.5), null);
});

test('after a restart of the service the history begins anew', () => {
  const history = new History(300_000);
  history.add(0, page({ ok: 1000 }));
  history.add(2_000, page({ ok: 3 }));
  assert.equal(history.over(60_000), null);
  history.add(4_000, page({ ok: 5 }));
  assert.equal(history.over(60_000).perSecond, 1);
});

test('readings older than the shown period are dropped', () => {
  const history = new History(10_000);
  for (let at = 0; at <= 100_000; at += 2_000) history.add(at, page({ ok: at }));
  assert.deepEqual(history.rates().map(({ at }) => at), [92_000, 94_000, 96_000, 98_000, 100_000]);
});

test('quantiles are interpolated linearly within their bucket', () => {
  const buckets = () => [[0.1, 10], [0.2, 30], [Infinity, 40]];
  assert.equal(quantile(0.25, buckets()), 0.1);
  assert.ok(Math.abs(quantile(0.5, buckets()) - 0.15) < 1e-12);
  assert.equal(quantile(0.75, buckets()), 0.2);
  assert.equal(quantile(0.99, buckets()), Infinity);
  assert.equal(quantile(0.5, [[0.1, 0], [Infinity, 0]]), null);
  assert.equal(quantile(0.5, []), null);
});

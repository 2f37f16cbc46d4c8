// Rates, counts and quantiles between two readings of counters.

const OTHER = 'other';

/** Readings of the last minutes. Times are milliseconds of a monotonic clock. */
export class History {
  #readings = [];

  constructor(keptMs) {
    this.keptMs = keptMs;
  }

  /** Adds a reading. A restart of the service drops the earlier ones. */
  add(at, exposition) {
    const reading = { at, ...counters(exposition) };
    const before = this.#readings.at(-1);
    if (before && isRestarted(before, reading)) this.#readings = [];
    this.#readings.push(reading);
    // One older reading is kept, for the rate at the far end.
    while (this.#readings.length > 2 && this.#readings[1].at <= at - this.keptMs) this.#readings.shift();
  }

  /** Requests a second between each two readings, with the time of the second one. */
  rates() {
    return this.#readings.slice(1).map((reading, i) => {
      const before = this.#readings[i];
      return { at: reading.at, perSecond: (reading.requests - before.requests) / seconds(before, reading) };
    });
  }

  /** The counts of the last `ms` milliseconds, or since the first reading; null before the second
   * reading. */
  over(ms) {
    const last = this.#readings.at(-1);
    const first = this.#readings.findLast(({ at }) => at <= last.at - ms) ?? this.#readings[0];
    if (!first || first === last) return null;
    return {
      perSecond: (last.requests - first.requests) / seconds(first, last),
      verdicts: differences(first.verdicts, last.verdicts),
      refusals: differences(first.refusals, last.refusals),
      quantile: (q) => quantile(q, [...differences(first.buckets, last.buckets)]),
    };
  }
}

function counters(exposition) {
  const refusals = new Map();
  let requests = 0;
  for (const { labels, value } of exposition.samples('livegate_requests_total')) {
    requests += value;
    if (labels.get('status') === '200') continue;
    refusals.set(labels.get('code'), (refusals.get(labels.get('code')) ?? 0) + value);
  }
  const buckets = new Map();
  for (const { labels, value } of exposition.samples('livegate_request_duration_seconds_bucket')) {
    // Unknown paths would make the service look faster than it is.
    if (labels.get('route') === OTHER) continue;
    const bound = labels.get('le') === '+Inf' ? Infinity : Number(labels.get('le'));
    buckets.set(bound, (buckets.get(bound) ?? 0) + value);
  }
  return { requests, refusals, buckets, verdicts: exposition.sums('livegate_verdicts_total', 'verdict') };
}

function isRestarted(before, after) {
  const fell = (name) => [...before[name]].some(([key, count]) => (after[name].get(key) ?? 0) < count);
  return after.requests < before.requests || ['refusals', 'buckets', 'verdicts'].some(fell);
}

function seconds(before, after) {
  return (after.at - before.at) / 1000;
}

function differences(before, after) {
  return new Map([...after].map(([key, count]) => [key, count - (before.get(key) ?? 0)]));
}

/** The quantile `q`, interpolated within its bucket as Prometheus does; Infinity above the highest
 * bound, null without any count. Buckets are `[upper bound, cumulative count]`. */
export function quantile(q, buckets) {
  buckets.sort(([a], [b]) => a - b);
  const all = buckets.at(-1)?.[1] ?? 0;
  if (all === 0) return null;
  const rank = q * all;
  const at = buckets.findIndex(([, count]) => count >= rank);
  const [bound, count] = buckets[at];
  if (bound === Infinity) return Infinity;
  const [lower, below] = at === 0 ? [0, 0] : buckets[at - 1];
  return lower + ((bound - lower) * (rank - below)) / (count - below);
}

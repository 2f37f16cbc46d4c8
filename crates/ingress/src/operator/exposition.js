// Reads Prometheus' text format 0.0.4. An unreadable line is an error, so that a missing figure
// never looks like zero.

const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)(?: -?\d+)?$/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\[\\"n])*)"(,|$)/y;
const NUMBER = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/;
const NAMED = new Map([['+Inf', Infinity], ['Inf', Infinity], ['-Inf', -Infinity], ['NaN', NaN]]);

/** A page of metrics. */
export class Exposition {
  #families = new Map();

  constructor(text) {
    if (typeof text !== 'string' || !text.endsWith('\n')) {
      throw new SyntaxError('the page of metrics is cut short');
    }
    const seen = new Set();
    for (const line of text.slice(0, -1).split('\n')) {
      if (line === '' || line.startsWith('#')) continue;
      const sample = read(line);
      const series = JSON.stringify([sample.name, [...sample.labels].sort()]);
      if (seen.has(series)) throw new SyntaxError(`a series comes twice: ${line}`);
      seen.add(series);
      if (!this.#families.has(sample.name)) this.#families.set(sample.name, []);
      this.#families.get(sample.name).push(sample);
    }
  }

  /** Every sample of this name, as `{labels: Map, value}`. */
  samples(name) {
    return this.#families.get(name) ?? [];
  }

  /** The value of the one sample of this name, with these labels among its own. */
  value(name, labels = {}) {
    const found = this.samples(name).filter((sample) => has(sample, labels));
    if (found.length !== 1) throw new RangeError(`${name} is there ${found.length} times`);
    return found[0].value;
  }

  /** The sums of all samples of this name, by the value of one label. */
  sums(name, label) {
    const sums = new Map();
    for (const { labels, value } of this.samples(name)) {
      const key = labels.get(label);
      sums.set(key, (sums.get(key) ?? 0) + value);
    }
    return sums;
  }
}

function has({ labels }, wanted) {
  return Object.entries(wanted).every(([name, value]) => labels.get(name) === value);
}

function read(line) {
  const sample = SAMPLE.exec(line);
  if (!sample) throw new SyntaxError(`no sample: ${line}`);
  const [, name, inBraces, number] = sample;
  return { name, labels: readLabels(inBraces ?? '', line), value: readNumber(number, line) };
}

function readLabels(text, line) {
  const labels = new Map();
  for (LABEL.lastIndex = 0; LABEL.lastIndex < text.length; ) {
    const label = LABEL.exec(text);
    if (!label) throw new SyntaxError(`no label: ${line}`);
    const [, name, value] = label;
    if (labels.has(name)) throw new SyntaxError(`a label comes twice: ${line}`);
    labels.set(name, value.replace(/\\(.)/g, (_, escaped) => (escaped === 'n' ? '\n' : escaped)));
  }
  return labels;
}

function readNumber(text, line) {
  if (NAMED.has(text)) return NAMED.get(text);
  if (!NUMBER.test(text)) throw new SyntaxError(`no number: ${line}`);
  return Number(text);
}

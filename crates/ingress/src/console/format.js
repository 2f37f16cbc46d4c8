// Numbers and texts as people read them.

/** A number with as many digits as tell something: three of them, or all before the point. */
export function number(value) {
  if (!Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  const digits = size >= 100 || Number.isInteger(value) ? 0 : size >= 10 ? 1 : 2;
  return value.toFixed(digits);
}

/** A score, threshold or probability. One that is nearly 1 is not shown as 1. */
export function share(value) {
  if (!Number.isFinite(value)) return '–';
  if (value > 0.99 && value < 1) return (Math.floor(value * 1e4) / 1e4).toFixed(4);
  if (value < 0.01 && value > 0) return Math.max(value, 0.0001).toFixed(4);
  return value.toFixed(2);
}

/** A share as so many per cent. */
export function percent(value) {
  return `${number(value * 100)} %`;
}

export function milliseconds(value) {
  if (!Number.isFinite(value)) return '–';
  return value >= 1000 ? `${(value / 1000).toFixed(2)} s` : `${value.toFixed(value < 10 ? 1 : 0)} ms`;
}

export function bytes(value) {
  if (!Number.isFinite(value)) return '–';
  if (value < 1024) return `${value} bytes`;
  return value < 1 << 20 ? `${(value / 1024).toFixed(0)} KiB` : `${(value / (1 << 20)).toFixed(1)} MiB`;
}

/** `text`, which is JSON, with a line for each value and not a digit changed; short lists and objects stay on one line. */
export function indented(text, width = 76) {
  const tokens = text.match(/"(?:[^"\\]|\\.)*"|[[\]{},:]|[^\s[\]{},:"]+/g) ?? [];
  let at = 0;
  const read = () => {
    const token = tokens[at++];
    if (token !== '{' && token !== '[') return token ?? '';
    const end = token === '{' ? '}' : ']';
    const items = [];
    while (at < tokens.length && tokens[at] !== end) {
      const item = read();
      if (tokens[at] === ':') {
        at += 1;
        items.push([item, read()]);
      } else {
        items.push([null, item]);
      }
      if (tokens[at] === ',') at += 1;
    }
    at += 1;
    return { open: token, close: end, items };
  };
  const write = (value, indent) => {
    if (typeof value === 'string') return value;
    const part = ([key, item], deeper) => (key === null ? '' : `${key}: `) + write(item, deeper);
    const line = value.open + value.items.map((item) => part(item, indent)).join(', ') + value.close;
    if (indent.length + line.length <= width && !line.includes('\n')) return line;
    const deeper = `${indent}  `;
    const lines = value.items.map((item) => deeper + part(item, deeper));
    return `${value.open}\n${lines.join(',\n')}\n${indent}${value.close}`;
  };
  return write(read(), '');
}

// Numbers and texts as people read them.

/** A number with three digits, or with all digits before the point. */
export function number(value) {
  if (!Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  const digits = size >= 100 || Number.isInteger(value) ? 0 : size >= 10 ? 1 : 2;
  return value.toFixed(digits);
}

/** A score, threshold or probability. A value near 0 or 1 is not shown as 0 or 1. */
export function share(value) {
  if (!Number.isFinite(value)) return '–';
  if (value > 0.999 && value < 1) return '>0.999';
  if (value < 0.001 && value > 0) return '<0.001';
  const isPlain = Math.abs(value * 100 - Math.round(value * 100)) < 1e-9;
  const isNearEnd = (value > 0.99 || value < 0.01) && !isPlain;
  // Rounded down, as 1.000 would be wrong.
  return isNearEnd ? (Math.floor(value * 1000) / 1000).toFixed(3) : value.toFixed(2);
}

/** A share in per cent. */
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

/** JSON with one value a line, and every digit as received. Short lists and objects stay on one
 * line. */
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

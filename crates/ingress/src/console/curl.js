// The same request as a shell command.

import { address } from './ask.js';

/** The `curl` command of the last request. It has the key only if `showsKey`. */
export function command(name, terms, who, showsKey) {
  const url = new URL(address(terms), document.baseURI).href;
  const against = terms.level ? `security_level=${terms.level}` : `threshold=${terms.threshold}`;
  return [
    `curl -X POST ${quoted(url)}`,
    `-H ${quoted(`app_id: ${who?.id ?? 'APP_ID'}`)}`,
    `-H ${showsKey && who ? quoted(`app_key: ${who.key}`) : '"app_key: $LIVEGATE_APP_KEY"'}`,
    `-F ${quoted(`selfie=@${file(name)}`)}`,
    `-F ${against}`,
  ].join(' \\\n  ');
}

/** `text` quoted for a POSIX shell. */
export function quoted(text) {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/** A file name quoted for curl's `-F`. */
function file(name) {
  const escaped = name.replace(/[\\"]/g, String.raw`\$&`);
  return /[",;\\]/.test(name) ? `"${escaped}"` : name;
}

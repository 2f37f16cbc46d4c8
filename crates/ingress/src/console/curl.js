// The same question as a command for a shell.

import { address } from './ask.js';

/** `curl` with what was asked: the key itself only where `showsKey`. */
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

/** A word that a POSIX shell takes as it is. */
export function quoted(text) {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/** A file name as `-F` takes it: some signs mean something to it. */
function file(name) {
  const escaped = name.replace(/[\\"]/g, String.raw`\$&`);
  return /[",;\\]/.test(name) ? `"${escaped}"` : name;
}

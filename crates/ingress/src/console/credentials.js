// Who asks. Kept in this tab alone, and nowhere once it is closed.

const PLACE = 'livegate-credentials';

let held = null;

/** The credentials in use: `{ id, key }`, or null. */
export function credentials() {
  return held;
}

/** Takes what a link or an earlier page of this tab left; says whether that changed anything. */
export function find() {
  const before = held;
  fromAddress() || fromTab();
  return held !== before;
}

/** Uses these from now on. */
export function use(id, key) {
  held = { id, key };
  store(() => sessionStorage.setItem(PLACE, JSON.stringify(held)));
}

/** They are no good: forgets the key. */
export function forget() {
  held = null;
  store(() => sessionStorage.removeItem(PLACE));
}

/** Why these cannot be anybody's, as a sentence; nothing where they can. */
export function objection(id, key) {
  if (id === '' || key === '') return 'Both are needed: the app’s id and its key.';
  if (!/^[\x21-\x7e]+$/.test(id + key)) {
    return 'Ids and keys have only plain letters, digits and signs, and no blanks. Copy them again.';
  }
  return null;
}

/** Out of the address's fragment, which no server is ever sent; it is then removed from the address and the history. */
function fromAddress() {
  const fragment = new URLSearchParams(location.hash.slice(1));
  const [id, key] = [fragment.get('app_id'), fragment.get('app_key')];
  if (id === null && key === null) return false;
  history.replaceState(null, '', location.pathname + location.search);
  if (objection(id ?? '', key ?? '') !== null) return false;
  use(id, key);
  return true;
}

function fromTab() {
  if (held !== null) return;
  store(() => {
    const { id, key } = JSON.parse(sessionStorage.getItem(PLACE) ?? '{}');
    if (typeof id === 'string' && typeof key === 'string') held = { id, key };
  });
}

/** A browser may keep nothing; then they are in memory alone. */
function store(act) {
  try {
    act();
  } catch {
    // They have to be given again after a reload.
  }
}

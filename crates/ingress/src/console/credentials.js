// The caller's credentials. They are kept in this tab only, until it is closed.

const PLACE = 'livegate-credentials';

let held = null;

/** The credentials in use: `{ id, key }`, or null. */
export function credentials() {
  return held;
}

/** Takes credentials from the link or from an earlier page of this tab. True if they changed. */
export function find() {
  const before = held;
  fromAddress() || fromTab();
  return held !== before;
}

/** Uses these credentials from now on. */
export function use(id, key) {
  held = { id, key };
  store(() => sessionStorage.setItem(PLACE, JSON.stringify(held)));
}

/** Forgets the credentials, which the service refused. */
export function forget() {
  held = null;
  store(() => sessionStorage.removeItem(PLACE));
}

/** A sentence on why these credentials cannot be valid; null if they can. */
export function objection(id, key) {
  if (id === '' || key === '') return 'Both are needed: the app’s id and its key.';
  if (!/^[\x21-\x7e]+$/.test(id + key)) {
    return 'Ids and keys have only plain letters, digits and signs, and no blanks. Copy them again.';
  }
  return null;
}

/** Takes credentials from the address's fragment, which browsers never send, and removes it from
 * the address and the history. */
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

/** Runs `act` on the tab's storage. A browser may refuse it; then credentials stay in memory only.
 * */
function store(act) {
  try {
    act();
  } catch {
    // After a reload the person enters them again.
  }
}

// Sends a picture to the service. The outcome is an answer or a `Problem`.

/** Time-out of a request, milliseconds. The service itself gives up after 10 s. */
const LONGEST = 30_000;

const V1 = 'v1/liveness';
const KAIROS = 'v0.2/liveness-verification';

/** The reason for a missing answer. `code` is the service's error code, or one of the page's own:
 * `gone`, `offline`, `timeout`, `no_json`. */
export class Problem extends Error {
  constructor(code, { message = '', status = null, requestId = null, retryAfter = null } = {}) {
    super(message || code);
    this.code = code;
    this.said = message;
    this.status = status;
    this.requestId = requestId;
    this.retryAfter = retryAfter;
  }
}

/** Asks for the whole report on `picture`. */
export function askAll(picture, terms, who, signal) {
  return ask(address(terms), form(picture, terms), who, signal);
}

/** Asks as a Kairos client does. */
export function askKairos(picture, threshold, who, signal) {
  return ask(KAIROS, form(picture, { threshold }), who, signal);
}

/** The path without its leading slash, as the console may be behind a proxy's prefix. */
export function address(terms) {
  return terms.everyFace ? `${V1}?faces=all` : V1;
}

function form({ blob, name }, { threshold, level }) {
  const body = new FormData();
  body.append('selfie', blob, name);
  if (level) body.append('security_level', level);
  else body.append('threshold', String(threshold));
  return body;
}

async function ask(path, body, who, signal) {
  const begun = performance.now();
  const limit = new AbortController();
  const stop = () => limit.abort();
  signal?.addEventListener('abort', stop);
  if (signal?.aborted) stop();
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    stop();
  }, LONGEST);
  try {
    const response = await fetch(path, {
      method: 'POST',
      headers: { app_id: who.id, app_key: who.key },
      body,
      signal: limit.signal,
      cache: 'no-store',
      credentials: 'omit',
    });
    const text = await response.text();
    return read(response, text, performance.now() - begun);
  } catch (error) {
    if (error instanceof Problem) throw error;
    if (signal?.aborted) throw error;
    if (isLate) throw new Problem('timeout');
    throw new Problem(navigator.onLine === false ? 'offline' : 'gone');
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', stop);
  }
}

/** The response as `{ answer, text, roundTrip }`; throws a `Problem` otherwise. */
function read(response, text, roundTrip) {
  const status = response.status;
  const requestId = response.headers.get('x-request-id');
  const retryAfter = seconds(response.headers.get('retry-after'));
  const body = parsed(text);
  if (response.ok && body !== null) return { answer: body, text, roundTrip };
  const code = body?.error?.code;
  if (typeof code !== 'string') throw new Problem('no_json', { status, requestId, retryAfter });
  const message = String(body.error.message ?? '');
  throw new Problem(code, { message, status, requestId, retryAfter });
}

/** `text` parsed as a JSON object; null if it is not one. */
function parsed(text) {
  try {
    const body = JSON.parse(text);
    return typeof body === 'object' ? body : null;
  } catch {
    return null;
  }
}

/** `Retry-After` in seconds. HTTP allows seconds or a date. */
function seconds(text) {
  if (text === null) return null;
  const wait = /^\d+$/.test(text) ? Number(text) : (Date.parse(text) - Date.now()) / 1000;
  return Number.isFinite(wait) ? Math.max(1, Math.ceil(wait)) : null;
}

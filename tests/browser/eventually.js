// Waiting for a change of the page or of the service.
import { setTimeout as sleep } from 'node:timers/promises';

const PATIENCE_MS = 20_000;

/** The first truthy value of `look`. */
export async function eventually(what, look, patienceMs = PATIENCE_MS) {
  for (const until = Date.now() + patienceMs; ; await sleep(50)) {
    const seen = await look();
    if (seen) return seen;
    if (Date.now() > until) throw new Error(`not within ${patienceMs} ms: ${what}`);
  }
}

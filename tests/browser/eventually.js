// Waiting for what comes in its own time.
import { setTimeout as sleep } from 'node:timers/promises';

const PATIENCE_MS = 20_000;

/** What `look` gives, once it gives something that holds. */
export async function eventually(what, look, patienceMs = PATIENCE_MS) {
  for (const until = Date.now() + patienceMs; ; await sleep(50)) {
    const seen = await look();
    if (seen) return seen;
    if (Date.now() > until) throw new Error(`it never came: ${what}`);
  }
}

// The service under test, as a process on loopback.
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));
// An empty variable is an unset one.
const HOME = path.resolve(process.env.LIVEGATE_TEST_HOME || path.join(ROOT, 'target/testbed'));
const BINARY = process.env.LIVEGATE_BINARY || path.join(ROOT, 'target/release/livegate');
const PATIENCE_MS = 60_000;

/** This process's variables without settings of Livegate and without proxies, and `more`. */
function environment(more) {
  const kept = Object.entries(process.env).filter(([name]) => !/^LIVEGATE_|_proxy$/i.test(name));
  return { ...Object.fromEntries(kept), LIVEGATE_HOME: HOME, ...more };
}

/** Sets the home up if something is missing in it, as the other tests do. */
function setUp() {
  const needed = ['runtime', 'packs/starter', 'sample/portrait.png'];
  if (needed.every((part) => existsSync(path.join(HOME, part)))) return;
  const { status } = spawnSync(BINARY, ['setup', '--pack', 'starter'], { env: environment(), stdio: 'inherit' });
  if (status !== 0) throw new Error('the program cannot be set up');
}

setUp();
/** The sample portrait, a PNG. */
export const PORTRAIT = readFileSync(path.join(HOME, 'sample/portrait.png'));

export class Service {
  #child;
  #log = '';

  /** A running demo. `settings` are variables; with `LIVEGATE_ADMIN_LISTEN` among them it has an `admin` address. */
  static async start({ key = randomBytes(16).toString('hex'), port = 0, settings = {} } = {}) {
    const service = new Service();
    service.key = key;
    await service.#begin(port, { LIVEGATE_DEMO_APP_KEY: key, ...settings });
    return service;
  }

  async #begin(port, settings) {
    const words = ['serve', '--demo', '--offline', '--pack', 'starter', '--end-with-parent', '--listen', `127.0.0.1:${port}`];
    const child = spawn(BINARY, words, { env: environment(settings), stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    child.stderr.on('data', (text) => { this.#log += text; });
    const addresses = [];
    const wanted = settings.LIVEGATE_ADMIN_LISTEN ? 2 : 1;
    const timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
    for await (const line of createInterface({ input: child.stdout })) {
      const address = / on (http:\/\/127\.0\.0\.1:\d+)$/.exec(line);
      if (address) addresses.push(address[1]);
      if (addresses.length === wanted) break;
    }
    clearTimeout(timer);
    if (addresses.length < wanted) throw new Error(`the service did not start: ${this.#log}`);
    child.stdout.resume();
    [this.origin, this.admin] = addresses;
  }

  get port() {
    return Number(new URL(this.origin).port);
  }

  /** The address of the console with this key. */
  console(key = this.key) {
    return `${this.origin}/console#app_id=demo&app_key=${key}`;
  }

  /** The answer to a picture that is sent from here, not from a page. */
  async ask(picture, { route = '/v1/liveness', key = this.key, fields = {} } = {}) {
    const form = new FormData();
    form.append('selfie', new Blob([picture]), 'selfie');
    for (const [name, value] of Object.entries(fields)) form.append(name, value);
    const headers = { app_id: 'demo', app_key: key };
    const answer = await fetch(this.origin + route, { method: 'POST', headers, body: form });
    return { status: answer.status, id: answer.headers.get('x-request-id'), body: await answer.json() };
  }

  /** Sends SIGTERM, and does not wait for the end. */
  leave() {
    this.#child.kill('SIGTERM');
  }

  async end(signal = 'SIGTERM') {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill(signal);
    await ended;
  }
}

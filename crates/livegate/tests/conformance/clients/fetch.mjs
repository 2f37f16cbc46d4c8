// Node's own fetch, with FormData and Blob; with the argument `http2` its HTTP/2 client with the same bodies.
import { readFileSync } from 'node:fs';
import { connect } from 'node:http2';
import { createInterface } from 'node:readline';

const path = '/v0.2/liveness-verification';
// Node counts what waits to be sent as the session's memory, and allows 10 MB.
const options = { maxSessionMemory: 100 };
const session = process.argv[2] === 'http2' ? connect(process.env.LIVENESS_URL, options) : undefined;
// A failing session fails its requests, which say so.
session?.on('error', () => {});

function body(test) {
  if (test.body.startsWith('json')) {
    const selfie = test.prefix + readFileSync(test.selfie, 'base64');
    const threshold = test.body === 'json' ? Number(test.threshold) : test.threshold;
    return { body: JSON.stringify({ selfie, threshold }), type: 'application/json' };
  }
  const form = new FormData();
  if (test.body === 'text') {
    form.append('selfie', test.prefix + readFileSync(test.selfie, 'base64'));
  } else if (test.selfie) {
    form.append('selfie', new Blob([readFileSync(test.selfie)], { type: test.type }), test.name);
  }
  if (test.threshold) form.append('threshold', test.threshold);
  if (test.body !== 'chunked' && !session) return { body: form };
  // A stream has no length to announce.
  const whole = new Response(form);
  return { body: whole.body, type: whole.headers.get('content-type'), duplex: 'half' };
}

async function fetched({ body, duplex }, headers) {
  const init = { method: 'POST', headers, body, duplex, signal: AbortSignal.timeout(30_000) };
  const response = await fetch(process.env.LIVENESS_URL + path, init);
  const text = await response.text();
  return { status: response.status, headers: Object.fromEntries(response.headers), body: text };
}

async function overHttp2({ body }, headers) {
  const bytes = Buffer.from(await new Response(body).arrayBuffer());
  return new Promise((resolve, reject) => {
    const stream = session.request({ ':method': 'POST', ':path': path, ...headers });
    let status, received;
    let text = '';
    stream.setEncoding('utf8').setTimeout(30_000, () => stream.close());
    stream.on('response', ({ ':status': code, ...others }) => { [status, received] = [code, others]; });
    stream.on('data', (chunk) => { text += chunk; });
    stream.on('end', () => resolve({ status, headers: received, body: text }));
    stream.on('error', reject);
    stream.end(bytes);
  });
}

async function send(test) {
  const { type, ...init } = body(test);
  const headers = {
    [`app${test.spelling}id`]: process.env.LIVENESS_APP_ID,
    [`app${test.spelling}key`]: test.key ?? process.env.LIVENESS_APP_KEY,
    ...(type && { 'content-type': type }),
  };
  return session ? overHttp2(init, headers) : fetched(init, headers);
}

for await (const line of createInterface({ input: process.stdin })) {
  const failed = (error) => ({ failure: `${error}: ${error.cause ?? ''}` });
  console.log(JSON.stringify(await send(JSON.parse(line)).catch(failed)));
  // fetch takes its connection back a moment after the answer's end.
  await new Promise(setImmediate);
}
session?.close();

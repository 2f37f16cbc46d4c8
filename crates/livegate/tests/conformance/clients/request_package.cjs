// The npm package `request`, which the Kairos documentation used.
const fs = require('node:fs');
const http = require('node:http');
const readline = require('node:readline');
const request = require('request');

const url = process.env.LIVENESS_URL + '/v0.2/liveness-verification';
const agent = new http.Agent({ keepAlive: true });

function body(test) {
  const threshold = test.threshold && { threshold: test.threshold };
  if (test.body.startsWith('json')) {
    const selfie = test.prefix + fs.readFileSync(test.selfie, 'base64');
    const value = test.body === 'json' ? Number(test.threshold) : test.threshold;
    // Not its `json` option, which would also parse the answer: what came is wanted here.
    return { type: 'application/json', body: JSON.stringify({ selfie, threshold: value }) };
  }
  if (test.body === 'text') {
    return { formData: { selfie: test.prefix + fs.readFileSync(test.selfie, 'base64'), ...threshold } };
  }
  if (!test.selfie) return { formData: threshold };
  const value = fs.createReadStream(test.selfie);
  if (test.body === 'chunked') {
    // Of `formData` with a stream that is no file the package would announce too short a length.
    const head = (name, more) => ({ 'Content-Disposition': `form-data; name="${name}"${more}` });
    const parts = [
      { ...head('selfie', `; filename="${test.name}"`), 'Content-Type': test.type, body: value },
      { ...head('threshold', ''), body: test.threshold },
    ];
    return { type: 'multipart/form-data', multipart: { chunked: true, data: parts } };
  }
  const selfie = { value, options: { filename: test.name, contentType: test.type } };
  return { formData: { selfie, ...threshold } };
}

function send(test) {
  const { type, ...options } = body(test);
  const headers = {
    ...(type && { 'Content-Type': type }),
    [`app${test.spelling}id`]: process.env.LIVENESS_APP_ID,
    [`app${test.spelling}key`]: test.key ?? process.env.LIVENESS_APP_KEY,
  };
  return new Promise((resolve) => {
    request.post({ url, agent, headers, timeout: 30_000, ...options }, (error, response, text) => {
      if (error) return resolve({ failure: String(error) });
      resolve({ status: response.statusCode, headers: response.headers, body: text });
    });
  });
}

(async () => {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    console.log(JSON.stringify(await send(JSON.parse(line))));
    // The agent takes its connection back a moment after the answer's end.
    await new Promise(setImmediate);
  }
  agent.destroy();
})();

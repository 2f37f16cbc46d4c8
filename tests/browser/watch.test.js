// Shows that the checks of every scene can fail: the operator's page with one fault after the other.
import assert from 'node:assert/strict';

import { assertAccessible, assertFits } from './accessible.js';
import { play, scene } from './scene.js';
import { Service } from './service.js';

const service = await Service.start({ settings: { LIVEGATE_ADMIN_LISTEN: '127.0.0.1:0' } });
const origins = [service.admin];

const BROKEN = [
  ['a script within the page', '<script>document.title = "x"</script>', /forbidden by the policy: script-src-elem inline/],
  ['a style within an element', '<p style="color: red">x</p>', /forbidden by the policy: style-src-attr inline/],
  ['a style within the page', '<style>p { color: red }</style>', /forbidden by the policy: style-src-elem inline/],
  ['a picture from elsewhere', '<img alt="" src="http://127.0.0.1:1/x.png">', /forbidden by the policy: img-src http/],
  ['a script from elsewhere', '<script src="http://127.0.0.1:1/x.js"></script>', /forbidden by the policy: script-src-elem http/],
  ['a picture that is not there', '<img alt="" src="/nowhere.png">', /in the console: Failed to load resource/],
];
for (const [what, html, fault] of BROKEN) {
  scene(`${what} is seen`, { origins, expects: fault }, async (page) => {
    await page.route(`${service.admin}/`, async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, body: (await response.text()).replace('<main>', `<main>${html}`) });
    });
    await page.goto(service.admin);
  });
}

const DONE = [
  ['an error that nobody caught', () => setTimeout(() => { throw new Error('thrown'); }), /not caught: thrown/],
  ['a promise that nobody looked at', () => { Promise.reject(new Error('rejected')); }, /not caught: rejected/],
  ['HTML made of a text', () => { try { document.body.innerHTML = 'x'; } catch { /* as it should */ } }, /require-trusted-types-for/],
  ['a request to another origin', () => { fetch('http://127.0.0.1:1/').catch(() => {}); }, /forbidden by the policy: connect-src/],
  ['a picture in memory of another kind', () => { new Image().src = 'data:,'; }, /forbidden by the policy: img-src data/],
];
for (const [what, act, fault] of DONE) {
  scene(`${what} is seen`, { origins, expects: fault }, async (page) => {
    await page.goto(service.admin);
    await page.evaluate(act);
  });
}

const HARD = [
  ['a page without a language', () => document.documentElement.removeAttribute('lang')],
  ['a button without a name', () => document.body.append(document.createElement('button'))],
  ['a field without a label', () => document.body.append(document.createElement('input'))],
  ['a text that is hard to see', () => { document.querySelector('h1').style.color = '#ddd'; }],
  ['a text that is hard to see in the dark', () => { document.querySelector('h1').style.color = '#333'; }],
];
for (const [what, act] of HARD) {
  scene(`${what} is found`, { origins }, async (page) => {
    await page.goto(service.admin);
    await page.evaluate(act);
    await assert.rejects(assertAccessible(page), assert.AssertionError);
  });
}

scene('a page that is wider than a phone is found', { origins, viewport: { width: 360, height: 740 }, isMobile: true }, async (page) => {
  await page.goto(service.admin);
  await page.evaluate(() => { document.querySelector('h1').style.minWidth = '400px'; });
  await assert.rejects(assertFits(page), assert.AssertionError);
});

play('What is watched for', service);

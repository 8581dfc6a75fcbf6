// The page check: in a real browser from the dashboard, by `ashna doctor`, never on private addresses; and the
// pinned releases of the tracker.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { ENGINES } from './engines.mjs';
import { Pages } from './pages.mjs';
import { Road } from './road.mjs';
import { BINARY, startService, until } from './service.mjs';

let service;
let road;
let pages;
let site;
let browser;

before(async () => {
  [service, browser] = await Promise.all([startService({ demo: false }), ENGINES.chromium()]);
  road = await Road.to(service.base);
  pages = await Pages.open(road);
  site = await service.addSite(pages.url);
  pages.key = site.write_key;
});
after(async () => {
  await browser?.close();
  road?.close();
  pages?.close();
  await service?.stop();
});

const doctor = (path) =>
  new Promise((resolve) => {
    execFile(BINARY, ['doctor', pages.url + path, '--json'], (error, stdout) => resolve({ code: error?.code ?? 0, ...JSON.parse(stdout) }));
  });

test('a page is checked in the owner\'s browser by a link that works once', async () => {
  const key = (await service.command('key', 'add', '--site', String(site.site_id), '--scope', 'admin', '--json')).key;
  const ask = async (path, body) => {
    const answer = await fetch(`${service.base}/api/v1/sites/${site.site_id}/checks${path}`, {
      method: body ? 'POST' : 'GET',
      headers: { authorization: `Bearer ${key}` },
      body: body && JSON.stringify(body),
    });
    return { status: answer.status, ...(await answer.json()) };
  };
  const foreign = await ask('', { url: 'https://elsewhere.example/' });
  assert.equal(foreign.status, 422);
  const opened = await ask('', { url: pages.url + '/static' });
  assert.deepEqual([opened.status, opened.page], [201, ['page_unreachable']]);
  assert.match(opened.message, /private network address/);
  assert.equal((await ask('/' + opened.token)).state, 'waiting');

  const page = await browser.newPage();
  await page.evaluateOnNewDocument(() => Object.defineProperty(Navigator.prototype, 'webdriver', { get: () => false }));
  await page.goto(opened.open_url);
  const report = await until('the report', async () => {
    const state = await ask('/' + opened.token);
    return state.state === 'reported' && state;
  });
  assert.deepEqual(report.findings, ['events_arrive']);
  assert.ok(await page.evaluate(() => !!document.querySelector('ashna-debug')));

  await page.goto(opened.open_url);
  await until('the tracker without its second file', () => page.evaluate(() => !!window.ashna?.track));
  assert.ok(await page.evaluate(() => !document.querySelector('ashna-debug')), 'the link worked once');
});

test('the doctor reports problems', async () => {
  const found = async (path, key) => {
    pages.key = key;
    const { code, findings } = await doctor(path);
    return [code, ...findings];
  };
  assert.deepEqual(await found('/static', site.write_key), [0, 'events_arrive']);
  assert.deepEqual(await found('/static', '0'.repeat(32)), [1, 'wrong_key']);
  assert.deepEqual(await found('/app.js', site.write_key), [1, 'tag_missing']);
  const elsewhere = await service.addSite('https://elsewhere.example');
  assert.deepEqual(await found('/static', elsewhere.write_key), [1, 'wrong_origin']);
});

test('every release stays available, compressed and under its hash', async () => {
  const index = JSON.parse(await readFile(new URL('../../tracker-js/releases/index.json', import.meta.url), 'utf8'));
  for (const { hash, integrity } of index) {
    for (const encoding of ['br', 'gzip', 'identity']) {
      const answer = await fetch(`${service.base}/t/${hash}.js`, { headers: { 'accept-encoding': encoding } });
      assert.equal(answer.headers.get('content-encoding') ?? 'identity', encoding);
      assert.match(answer.headers.get('cache-control'), /immutable/);
      const script = Buffer.from(await answer.arrayBuffer());
      assert.equal('sha384-' + createHash('sha384').update(script).digest('base64'), integrity);
    }
  }
  assert.equal((await fetch(`${service.base}/t/${'0'.repeat(24)}.js`)).status, 404);
  const first = await fetch(service.base + '/t.js');
  const again = await fetch(service.base + '/t.js', { headers: { 'if-none-match': first.headers.get('etag') } });
  assert.equal(again.status, 304);
  assert.match(again.headers.get('cache-control'), /stale-while-revalidate/);
});

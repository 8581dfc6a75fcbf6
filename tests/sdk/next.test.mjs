// @segment/analytics-next, unmodified, bundled as its users do and run in Chromium: it requests its settings,
// sends single calls or batches, and keeps what it could not send.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { build } from 'esbuild';
import { launch, visitor } from './browser.mjs';
import { Service, conserved, until } from './service.mjs';

let service;
let shop;
let origin;
let browser;
let site;

/** The client as a first-party script. */
async function bundle() {
  const built = await build({
    stdin: {
      contents: "import { AnalyticsBrowser } from '@segment/analytics-next'; window.AnalyticsBrowser = AnalyticsBrowser;",
      resolveDir: new URL('.', import.meta.url).pathname,
    },
    bundle: true,
    write: false,
    format: 'iife',
    target: 'es2020',
    define: { 'process.env.NODE_ENV': '"production"' },
    logLevel: 'error',
  });
  return built.outputFiles[0].text;
}

before(async () => {
  [service, browser] = await Promise.all([Service.open(), launch()]);
  const script = await bundle();
  shop = createServer((request, answer) => {
    const isScript = request.url === '/client.js';
    answer.setHeader('content-type', isScript ? 'text/javascript' : 'text/html; charset=utf-8');
    answer.end(isScript ? script : '<!doctype html><title>Shop</title><script src="/client.js"></script>');
  });
  shop.listen(0, '127.0.0.1');
  await once(shop, 'listening');
  origin = `http://127.0.0.1:${shop.address().port}`;
  site = await service.command('site', 'add', '--name', 'SDK', '--origin', origin);
});

after(async () => {
  await browser?.close();
  shop?.close();
  await service?.stop();
});

/** A page of the shop with the client loaded; its requests to other hosts are collected. */
async function open(options = {}) {
  const page = await visitor(browser);
  page.strangers = [];
  page.on('request', (request) => {
    if (![origin, service.base].some((ours) => request.url().startsWith(ours))) page.strangers.push(request.url());
  });
  await page.goto(`${origin}/product?utm_source=letter&utm_medium=email`);
  await page.evaluate(
    async ([writeKey, cdnURL, integrations]) => {
      window.analytics = AnalyticsBrowser.load({ writeKey, cdnURL }, { integrations });
      await window.analytics.ready();
    },
    [site.write_key, service.base, options],
  );
  return page;
}

const count = async (name) => {
  const [found] = await service.rows(
    "SELECT toInt32(count()) AS rows, toInt32(uniqExact(JSONExtractInt(properties, 'n'))) AS distinct, " +
      `toInt32(uniqExact(visitor)) AS visitors FROM ashna.events WHERE name = '${name}'`,
  );
  return found;
};

test('the settings are accepted and every call is stored with its page', async () => {
  const page = await open();
  await page.evaluate(async () => {
    await analytics.page('Product');
    await analytics.track('Product Viewed', { product_id: 'p-1', price: 12.5, currency: 'EUR' });
    await analytics.identify('u-1', { plan: 'gold' });
    await analytics.group('g-1', { size: 3 });
    await analytics.alias('u-2', 'u-1');
    await analytics.screen('Start');
  });
  const rows = await until('six events', async () => {
    const found = await service.rows(
      'SELECT toInt32(kind) AS kind, name, channel, browser, host, robot, toString(visitor) AS visitor FROM ashna.events',
    );
    return found.length >= 6 && found;
  });
  assert.equal(rows.length, 6);
  assert.equal(new Set(rows.map((row) => row.kind)).size, 6, 'six kinds of call');
  assert.equal(new Set(rows.map((row) => row.visitor)).size, 1, 'one visitor');
  assert.deepEqual(new Set(rows.map((row) => row.robot)), new Set(['']));
  const view = rows.find((row) => row.name === 'Product');
  assert.deepEqual([view.channel, view.browser, view.host], ['Email', 'Chrome', '127.0.0.1']);
  assert.deepEqual(page.errors, []);
  assert.deepEqual(page.strangers, [], 'nothing goes to anybody else');
});

for (const [how, name, options] of [
  ['one call a request', 'Survived Alone', {}],
  [
    'batches',
    'Survived Together',
    { 'Segment.io': { deliveryStrategy: { strategy: 'batching', config: { size: 5, timeout: 300 } } } },
  ],
]) {
  test(`everything arrives once despite a kill of the service: ${how}`, async () => {
    const page = await open(options);
    const give = (from, to) =>
      page.evaluate(
        async ([event, first, end]) => {
          for (let n = first; n < end; n += 1) {
            analytics.track(event, { n });
            if (n % 4 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
          }
        },
        [name, from, to],
      );
    await give(0, 30);
    const going = give(30, 60);
    await service.kill();
    await going;
    await give(60, 80);
    await service.start();
    await give(80, 100);
    await until('everything to arrive', async () => (await count(name)).distinct === 100);
    // A duplicate would have arrived before this later event.
    await give(100, 101);
    await until('the last one to arrive', async () => (await count(name)).distinct === 101);
    assert.deepEqual(await count(name), { rows: 101, distinct: 101, visitors: 1 });
    assert.deepEqual(page.errors, []);
    assert.ok(conserved(await service.metrics()));
  });
}

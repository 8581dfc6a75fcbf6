// @segment/analytics-node, unmodified: every call arrives once, although the service is killed by SIGKILL and down
// while the client continues.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Analytics } from '@segment/analytics-node';
import { Service, conserved } from './service.mjs';

let service;
let site;

before(async () => {
  service = await Service.open();
  site = await service.command('site', 'add', '--name', 'SDK', '--origin', 'https://shop.example');
});

after(async () => service?.stop());

test('every call of the client is stored with its names and values', async () => {
  const client = new Analytics({ writeKey: site.write_key, host: service.base, flushAt: 3, flushInterval: 100 });
  const failures = [];
  client.on('error', (error) => failures.push(error));
  const timestamp = new Date(Date.now() - 3_600_000);
  client.identify({ userId: 'u-1', traits: { plan: 'gold', name: 'Zoë ☕' } });
  client.track({ userId: 'u-1', event: 'Order Completed', properties: { order_id: 'o-1', revenue: 25.5, currency: 'EUR' } });
  client.page({ anonymousId: 'a-1', name: 'Home', properties: { url: 'https://shop.example/home?utm_source=letter' } });
  client.screen({ userId: 'u-1', name: 'Start' });
  client.group({ userId: 'u-1', groupId: 'g-1', traits: { size: 3 } });
  client.alias({ previousId: 'a-1', userId: 'u-1' });
  client.track({ userId: 'u-1', event: 'Happened Before', timestamp });
  await client.closeAndFlush();
  assert.deepEqual(failures, []);
  const rows = await service.rows(
    'SELECT toInt32(kind) AS kind, name, user_id, order_id, amount_minor, toUnixTimestamp64Milli(occurred_at) AS at FROM ashna.events',
  );
  assert.equal(rows.length, 7);
  assert.equal(new Set(rows.map((row) => row.kind)).size, 6, 'six kinds of call');
  const order = rows.find((row) => row.name === 'Order Completed');
  assert.deepEqual([order.user_id, order.order_id, Number(order.amount_minor)], ['u-1', 'o-1', 2550]);
  const earlier = rows.find((row) => row.name === 'Happened Before');
  assert.ok(Math.abs(Number(earlier.at) - timestamp.getTime()) < 1000, 'the time of the client');
});

test('a client over the rate limit gets Retry-After, and all its events arrive', async () => {
  const limited = await Service.open({ ASHNA__RATE__SITE_EVENTS_PER_SECOND: '50', ASHNA__RATE__BURST_SECONDS: '1' });
  try {
    const { write_key } = await limited.command('site', 'add', '--name', 'SDK', '--origin', 'https://shop.example');
    const client = new Analytics({ writeKey: write_key, host: limited.base, flushAt: 20, flushInterval: 50 });
    const failures = [];
    client.on('error', (error) => failures.push(error));
    let refused = 0;
    client.on('http_response', ({ status }) => (refused += status === 429 ? 1 : 0));
    for (let n = 0; n < 160; n += 1) client.track({ userId: 'u', event: 'Limited', properties: { n } });
    await client.closeAndFlush({ timeout: 30_000 });
    assert.deepEqual(failures, []);
    assert.ok(refused > 0, 'some were refused at first');
    const [found] = await limited.rows(
      "SELECT toInt32(count()) AS rows, toInt32(uniqExact(JSONExtractInt(properties, 'n'))) AS distinct FROM ashna.events",
    );
    assert.deepEqual(found, { rows: 160, distinct: 160 });
  } finally {
    await limited.stop();
  }
});

test('everything arrives once despite repeated kills of the service', async () => {
  const client = new Analytics({
    writeKey: site.write_key,
    host: service.base,
    flushAt: 7,
    flushInterval: 50,
    maxRetries: 50,
    httpRequestTimeout: 5000,
  });
  const failures = [];
  client.on('error', (error) => failures.push(error));
  let requests = 0;
  client.on('http_request', () => (requests += 1));
  let sent = 0;
  const give = async (count) => {
    for (const end = sent + count; sent < end; sent += 1) {
      client.track({ userId: `u-${sent % 5}`, event: 'Survived', properties: { n: sent } });
      if (sent % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  for (let death = 0; death < 3; death += 1) {
    await give(150);
    const going = give(150);
    await service.kill();
    await going;
    await give(50);
    await service.start();
  }
  await give(50);
  await client.closeAndFlush({ timeout: 60_000 });
  assert.deepEqual(failures, []);
  assert.ok(requests > Math.ceil(sent / 7), `some of ${requests} requests were made again`);
  const [found] = await service.rows(
    "SELECT toInt32(count()) AS rows, toInt32(uniqExact(JSONExtractInt(properties, 'n'))) AS distinct, " +
      "toInt32(max(JSONExtractInt(properties, 'n'))) AS last FROM ashna.events WHERE name = 'Survived'",
  );
  assert.deepEqual(found, { rows: sent, distinct: sent, last: sent - 1 });
  assert.ok(conserved(await service.metrics()));
});

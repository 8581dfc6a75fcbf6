// Clients of RudderStack, PostHog and Snowplow, unmodified, and Plausible's and Umami's requests: with another address and
// key alone, what they send arrives, once, although the service is killed in between.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import RudderAnalytics from '@rudderstack/rudder-sdk-node';
import { PostHog } from 'posthog-node';
import { buildSelfDescribingEvent, buildStructEvent, newTracker } from '@snowplow/node-tracker';
import { Service, conserved, until } from './service.mjs';

let service;
let key;

before(async () => {
  service = await Service.open();
  key = (await service.command('site', 'add', '--name', 'Clients', '--origin', 'https://shop.example')).write_key;
});

after(async () => service?.stop());

/** Sends 300 numbered events while the service dies once; `flush` ends when the client has nothing left. */
async function survive(name, send, flush) {
  const count = 300;
  for (let n = 0; n < count; n += 1) {
    send(n);
    if (n === 100) await service.kill();
    if (n === 200) await service.start();
    if (n % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await flush();
  const question =
    "SELECT toInt32(count()) AS rows, toInt32(uniqExact(JSONExtractInt(properties, 'n'))) AS distinct " +
    `FROM ashna.events WHERE name = '${name}'`;
  await until(`all of ${name}`, async () => (await service.rows(question))[0].distinct === count);
  assert.deepEqual(await service.rows(question), [{ rows: count, distinct: count }]);
  assert.ok(conserved(await service.metrics()));
}

test('posthog-node', async () => {
  const client = new PostHog(key, {
    host: service.base,
    flushAt: 20,
    flushInterval: 50,
    fetchRetryCount: 60,
    fetchRetryDelay: 500,
  });
  client.identify({ distinctId: 'ph-1', properties: { plan: 'gold' } });
  client.alias({ distinctId: 'ph-1', alias: 'anonymous-1' });
  client.groupIdentify({ groupType: 'company', groupKey: 'c-1', properties: { size: 3 } });
  client.capture({
    distinctId: 'ph-1',
    event: 'Order Completed',
    properties: { order_id: 'ph-o', revenue: 25.5, currency: 'EUR', products: [{ product_id: 'p-1', price: 25.5 }] },
  });
  assert.equal(await client.getFeatureFlag('any', 'ph-1'), undefined);
  await survive(
    'PostHog',
    (n) => client.capture({ distinctId: `ph-${n % 5}`, event: 'PostHog', properties: { n } }),
    async () => client.shutdown(60_000),
  );
  const orders = await service.rows("SELECT user_id, toInt32(amount_minor) AS minor FROM ashna.events WHERE order_id = 'ph-o'");
  assert.deepEqual(orders, [{ user_id: 'ph-1', minor: 2550 }]);
  const kinds = await service.rows("SELECT toInt32(uniqExact(kind)) AS kinds FROM ashna.events WHERE user_id = 'ph-1'");
  assert.ok(kinds[0].kinds >= 3, 'identify, alias and events');
});

test('@rudderstack/rudder-sdk-node', async () => {
  const client = new RudderAnalytics(key, { dataPlaneUrl: service.base, flushAt: 20, flushInterval: 50 });
  client.identify({ userId: 'ru-1', traits: { plan: 'gold' } });
  await survive(
    'Rudder',
    (n) => client.track({ userId: `ru-${n % 5}`, event: 'Rudder', properties: { n } }),
    async () => client.flush(),
  );
  const [identify] = await service.rows(
    "SELECT properties FROM ashna.events WHERE toInt32(kind) = 4 AND user_id = 'ru-1'",
  );
  assert.match(identify.properties, /"plan":"gold"/);
});

test('@snowplow/node-tracker', async () => {
  const tracker = newTracker({ namespace: 'test', appId: key }, { endpoint: service.base, bufferSize: 10 });
  tracker.setUserId('sp-1');
  tracker.track(buildStructEvent({ category: 'video', action: 'Structured', label: 'intro', value: 3 }));
  const schema = 'iglu:com.acme/Snowplow/jsonschema/1-0-0';
  await survive(
    'Snowplow',
    (n) => tracker.track(buildSelfDescribingEvent({ event: { schema, data: { n } } })),
    async () => {
      await tracker.flush();
      await until('the tracker to send all', async () => {
        await tracker.flush();
        return (await service.rows("SELECT toInt32(count()) AS n FROM ashna.events WHERE name = 'Snowplow'"))[0].n >= 300;
      });
    },
  );
  const [structured] = await service.rows(
    "SELECT user_id, JSONExtractInt(properties, 'event_value') AS value FROM ashna.events WHERE name = 'Structured'",
  );
  assert.deepEqual([structured.user_id, Number(structured.value)], ['sp-1', 3]);
});

test('requests of Plausible and Umami', async () => {
  const agent = 'Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0';
  const post = (path, body) =>
    fetch(service.base + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'user-agent': agent, origin: 'https://shop.example' },
      body: JSON.stringify(body),
    });
  const view = { name: 'pageview', url: 'https://shop.example/plausible', domain: 'shop.example' };
  assert.equal((await post(`/${key}/api/event`, view)).status, 202);
  const payload = { website: key, hostname: 'shop.example', url: '/umami', name: 'Umami', data: { n: 1 } };
  const answer = await post('/api/send', { type: 'event', payload });
  assert.equal(answer.status, 200);
  const rows = await service.rows(
    "SELECT path, toString(visitor) AS visitor FROM ashna.events WHERE path IN ('/plausible', '/umami') ORDER BY path",
  );
  assert.deepEqual(rows.map((row) => row.path), ['/plausible', '/umami']);
  assert.equal(rows[0].visitor, rows[1].visitor, 'one visitor of the day');
});

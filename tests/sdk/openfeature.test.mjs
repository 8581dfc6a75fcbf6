// OpenFeature's own OFREP providers, unmodified: for servers with a `server` key, for pages with the write key.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { OFREPProvider } from '@openfeature/ofrep-provider';
import { OFREPWebProvider } from '@openfeature/ofrep-web-provider';
import { ErrorCode, OpenFeature as Server } from '@openfeature/server-sdk';
import { OpenFeature as Web, ProviderEvents } from '@openfeature/web-sdk';
import { Service, until } from './service.mjs';

const VARIANTS = [
  { key: 'long', weight: 1, value: { steps: 3 } },
  { key: 'short', weight: 1, value: { steps: 1 } },
];
const CHECKOUT = { key: 'checkout', status: 'running', variants: VARIANTS };
const single = (key, value) => ({
  key, status: 'running', variants: [{ key: 'off', weight: 0, value: null }, { key: 'on', weight: 1, value }],
});

let service;
let site;
let admin;

async function put(experiment) {
  const answer = await fetch(`${service.base}/api/v1/sites/${site.site_id}/experiments/${experiment.key}`, {
    method: 'PUT', headers: { authorization: `Bearer ${admin}` }, body: JSON.stringify(experiment),
  });
  assert.equal(answer.status, 200, await answer.clone().text());
}

before(async () => {
  service = await Service.open();
  site = await service.command('site', 'add', '--name', 'Flags', '--origin', 'https://shop.example');
  const id = String(site.site_id);
  admin = (await service.command('key', 'add', '--site', id, '--scope', 'admin')).key;
  const flags = [CHECKOUT, single('switch', true), single('colour', 'green'), single('share', 0.25)];
  for (const flag of flags) await put(flag);
});

after(async () => {
  await Server.close();
  await Web.close();
  await service?.stop();
});

test('the provider for servers evaluates flags of every type, and its exposures are stored', async () => {
  const key = (await service.command('key', 'add', '--site', String(site.site_id), '--scope', 'server')).key;
  await Server.setProviderAndWait(new OFREPProvider({ baseUrl: service.base, headers: [['Authorization', `Bearer ${key}`]] }));
  const client = Server.getClient();
  const chosen = new Map();
  for (let n = 0; n < 40; n += 1) {
    const details = await client.getObjectDetails('checkout', { steps: 0 }, { targetingKey: `u-${n}` });
    assert.equal(details.reason, 'SPLIT');
    assert.deepEqual(details.value, VARIANTS.find((variant) => variant.key === details.variant).value);
    chosen.set(`u-${n}`, details.variant);
  }
  assert.equal(new Set(chosen.values()).size, 2, 'both variants');
  const of = { targetingKey: 'u-1' };
  assert.equal((await client.getObjectDetails('checkout', {}, of)).variant, chosen.get('u-1'), 'the same again');
  assert.equal(await client.getBooleanValue('switch', false, of), true);
  assert.equal(await client.getStringValue('colour', 'none', of), 'green');
  assert.equal(await client.getNumberValue('share', 0, of), 0.25);
  const unknown = await client.getBooleanDetails('unknown', false, of);
  assert.deepEqual([unknown.value, unknown.errorCode], [false, ErrorCode.FLAG_NOT_FOUND]);
  const nameless = await client.getBooleanDetails('switch', false, {});
  assert.deepEqual([nameless.value, nameless.errorCode], [false, ErrorCode.TARGETING_KEY_MISSING]);
  const mistyped = await client.getBooleanDetails('colour', false, of);
  assert.deepEqual([mistyped.value, mistyped.errorCode], [false, ErrorCode.TYPE_MISMATCH]);
  const sql = "SELECT user_id, JSONExtractString(properties, 'variant') AS variant FROM ashna.events " +
    "WHERE name = 'Experiment Viewed' AND JSONExtractString(properties, 'experiment') = 'checkout'";
  await until('an exposure each', async () => (await service.rows(sql)).length === 40);
  const stored = await service.rows(sql);
  assert.deepEqual(new Map(stored.map((row) => [row.user_id, row.variant])), chosen);
});

test('the provider for pages gets the same variants, is not sent what it has, and sees changes', async () => {
  const statuses = [];
  const fetchImplementation = async (...request) => {
    const answer = await fetch(...request);
    statuses.push(answer.status);
    return answer;
  };
  await Web.setContext({ targetingKey: 'u-1' });
  const provider = new OFREPWebProvider({
    baseUrl: service.base, headers: [['X-API-Key', site.write_key]], pollInterval: 200, fetchImplementation,
  });
  await Web.setProviderAndWait(provider);
  const client = Web.getClient();
  const server = await Server.getClient().getObjectDetails('checkout', {}, { targetingKey: 'u-1' });
  const page = client.getObjectDetails('checkout', {});
  assert.deepEqual([page.variant, page.value, page.reason], [server.variant, server.value, 'SPLIT']);
  assert.equal(client.getBooleanValue('switch', false), true);
  assert.equal(client.getBooleanDetails('unknown', false).errorCode, ErrorCode.FLAG_NOT_FOUND);
  await until('an unchanged answer', async () => statuses.includes(304));
  const changed = new Promise((resolve) => client.addHandler(ProviderEvents.ConfigurationChanged, resolve));
  await put({ ...CHECKOUT, status: 'stopped' });
  await changed;
  const stopped = client.getObjectDetails('checkout', {});
  assert.deepEqual([stopped.variant, stopped.value, stopped.reason], ['long', { steps: 3 }, 'DISABLED']);
  await Web.setContext({ targetingKey: 'u-2' });
  assert.equal(client.getStringValue('colour', ''), 'green');
  assert.ok(statuses.every((status) => status === 200 || status === 304), String(statuses));
});

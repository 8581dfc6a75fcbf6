// Marketers' HTML never runs on the dashboard's origin, and the dashboard works under its strict content security
// policy.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, visitor } from './browser.mjs';
import { startService, until } from './service.mjs';

const LOGIN = { email: 'owner@shop.example', password: 'a long enough password' };
const HTML = `
  <p id="written">Written by a marketer</p>
  <img src="/none" onerror="window.ran = 'img'">
  <svg onload="window.ran = 'svg'"></svg>
  <script>window.ran = 'script'</script>
  <iframe srcdoc="<script>parent.ran = 'srcdoc'</script>"></iframe>
  <iframe src="/dashboard/"></iframe>
  <a id="link" href="javascript:window.ran = 'link'">link</a>
  <form action="/api/v1/sites" method="post" enctype="text/plain">
    <input name='{"name":"Smuggled","origins":[],"x":"' value='"}'><button id="send">send</button>
  </form>`;

let service;
let browser;
let owner;
let site;

/** Calls the private API as the owner, outside of a page. */
async function ask(method, path, body) {
  const headers = { cookie: owner, 'content-type': 'application/json' };
  const answer = await fetch(`${service.base}/api/v1${path}`, { method, headers, body: body && JSON.stringify(body) });
  const text = await answer.text();
  return { status: answer.status, body: text && JSON.parse(text), headers: answer.headers };
}

before(async () => {
  [service, browser] = await Promise.all([startService(), launch()]);
  const token = service.setupLink.split('token=')[1];
  const made = await ask('POST', '/setup', { token, ...LOGIN });
  assert.equal(made.status, 201);
  owner = made.headers.get('set-cookie').split(';')[0];
  site = (await ask('GET', '/session')).body.sites.find((one) => one.demo);
});

after(async () => {
  await browser?.close();
  await service?.stop();
});

/** A page with the owner's login that records policy violations. */
async function ownersPage() {
  const page = await visitor(browser);
  const [name, value] = owner.split(/=(.*)/s);
  await page.context().addCookies([{ name, value, url: service.base, httpOnly: true, sameSite: 'Lax' }]);
  page.complaints = [];
  page.on('console', (message) => message.type() === 'error' && page.complaints.push(message.text()));
  await page.addInitScript(() => {
    window.stopped = [];
    document.addEventListener('securitypolicyviolation', (event) => window.stopped.push(`${event.violatedDirective} ${event.blockedURI}`));
  });
  return page;
}

const offer = { id: 'written', slot: 'written', content: { html: HTML } };

test('an offer with HTML is refused until an owner allows it', async () => {
  const refused = await ask('POST', `/sites/${site.id}/offers`, offer);
  assert.equal(refused.status, 422);
  assert.match(refused.body.message, /offer_html/);
  assert.equal((await ask('PATCH', `/sites/${site.id}`, { offer_html: true })).status, 200);
  assert.equal((await ask('POST', `/sites/${site.id}/offers`, offer)).status, 201);
});

test('its HTML is shown in the demo shop and cannot use the login of the dashboard', async () => {
  const page = await ownersPage();
  await page.goto(`${service.base}/demo/`);
  // A slot keeps its default if the answer is late, as the first one may be on a busy machine: reload.
  await until('the offer in a slot', () => page.evaluate(() => {
    if (document.querySelector('#written')) return true;
    document.querySelector('[data-ashna-slot="written"]')?.remove();
    const slot = document.createElement('div');
    slot.dataset.ashnaSlot = 'written';
    document.querySelector('main').prepend(slot);
    return new Promise((settled) => {
      slot.addEventListener('ashna:decision', () => settled(Boolean(slot.querySelector('#written'))));
    });
  }));
  await until('the policy to stop the handlers', () => page.evaluate(() => window.stopped.some((what) => what.startsWith('script-src'))));
  // By script, not by mouse: a driver click would wait for the navigation that the policy blocks.
  await page.evaluate(() => ['#link', '#send'].forEach((id) => document.querySelector(id).click()));
  await until('the policy to stop the form', () => page.evaluate(() => window.stopped.some((what) => what.startsWith('form-action'))));
  assert.equal(await page.evaluate(() => window.ran), undefined, 'no script of an offer runs');
  assert.equal(new URL(page.url()).pathname, '/demo/', 'no form of an offer is sent');
  const names = (await ask('GET', '/session')).body.sites.map((one) => one.name);
  assert.ok(!names.includes('Smuggled'), names.join());
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test('the dashboard shows the offer without making it part of a page', async () => {
  const page = await ownersPage();
  await page.goto(`${service.base}/dashboard/sites/${site.id}/offers`);
  await page.getByText('written', { exact: false }).first().waitFor();
  for (const row of await page.getByText('written', { exact: true }).all()) await row.click({ timeout: 2000 }).catch(() => {});
  await page.goto(`${service.base}/dashboard/sites/${site.id}/recommendations`);
  await page.waitForLoadState('networkidle');
  assert.equal(await page.locator('#written').count(), 0);
  assert.equal(await page.evaluate(() => window.ran), undefined);
  await page.context().close();
});

test('every page of the dashboard works under its policy', async () => {
  const page = await ownersPage();
  const pages = ['overview', 'realtime', 'pages', 'sources', 'funnel', 'customers', 'segments', 'offers', 'recommendations', 'catalogue', 'quality', 'install', 'visitors'];
  await page.goto(`${service.base}/dashboard/`);
  const paths = [...pages.map((name) => `sites/${site.id}/${name}`), '', 'sites'];
  for (const path of paths) {
    await page.goto(`${service.base}/dashboard/${path}`);
    await page.locator('main').first().waitFor();
    await page.waitForLoadState('networkidle', { timeout: 5000 }).catch(() => {}); // the realtime page polls
    for (const chart of await page.locator('figure canvas').all()) await chart.hover();
    if (path.endsWith('overview')) assert.ok(await page.locator('figure canvas').count(), 'the chart is drawn');
    assert.deepEqual(await page.evaluate(() => window.stopped), [], `stopped on ${path}`);
  }
  assert.deepEqual(page.errors, []);
  assert.deepEqual(page.complaints, []);
  const { headers } = await fetch(`${service.base}/dashboard/`);
  assert.doesNotMatch(headers.get('content-security-policy').match(/script-src[^;]*/)[0], /unsafe/);
  await page.context().close();
});

test('another page cannot frame the dashboard or the shop', async () => {
  const page = await ownersPage();
  for (const path of ['/dashboard/', '/demo/']) {
    const { headers } = await fetch(service.base + path);
    assert.match(headers.get('content-security-policy'), /frame-ancestors 'none'/);
    assert.equal(headers.get('x-frame-options'), 'DENY');
  }
  await page.context().close();
});

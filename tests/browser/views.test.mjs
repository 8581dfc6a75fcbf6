// Every view of the dashboard in both languages, both themes, on a phone and a desktop: it loads without errors, has a
// heading, fits the width, and axe finds nothing.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { after, before, describe, test } from 'node:test';
import { launch, visitor } from './browser.mjs';
import { startService } from './service.mjs';

const EMAIL = 'owner@shop.example';
const PASSWORD = 'a long enough password';
const SETTLE_MAX_MS = 60_000;
const KINDS = [
  { language: 'en', theme: 'light', width: 1280 },
  { language: 'fa', theme: 'dark', width: 1280 },
  { language: 'en', theme: 'dark', width: 390 },
  { language: 'fa', theme: 'light', width: 390 },
];
/** Views that a page shows by its address. */
const FURTHER = [
  'locations?by=city', 'behaviour?tab=errors', 'behaviour?tab=vitals', 'offers?tab=results', 'offers?tab=slots', 'segments/builtin-loyal',
  `overview?compare=year&filters=${encodeURIComponent(JSON.stringify([{ property: '$device', op: 'eq', value: 'mobile' }]))}`,
  `events?view=${encodeURIComponent(JSON.stringify({ event: 'Product Viewed', property: '$device' }))}`,
];

let service;
let browser;
let views;
let axe;

before(async () => {
  const routes = await readFile(new URL('../../dashboard/src/routes.ts', import.meta.url), 'utf8');
  const [sitePart, accountPart] = routes.split('ACCOUNT_PAGES');
  const pages = (text) => [...text.matchAll(/page: '([a-z-]+)', title/g)].map(([, page]) => page);
  // A visitor's page needs a visitor: tests of people open it.
  views = [...pages(sitePart).filter((page) => page !== 'visitors'), ...FURTHER].map((path) => `/sites/1/${path}`).concat(pages(accountPart).map((page) => `/${page}`));
  assert.ok(views.length > 35, `${views.length} views`);
  axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
  [service, browser] = await Promise.all([startService(), launch()]);
  const token = service.setupLink.split('token=')[1];
  const answer = await fetch(`${service.base}/api/v1/setup`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ token, email: EMAIL, password: PASSWORD }) });
  assert.equal(answer.status, 201);
  await service.command('seed', '--visitors', '200', '--days', '14', '--json');
});
after(async () => {
  await browser?.close();
  await service?.stop();
});

describe('every view', () => {
  for (const { language, theme, width } of KINDS) {
    test(`in ${language}, ${theme}, ${width} pixels wide`, async () => {
      // The test's own script is not part of the page: the content policy would refuse it.
      const page = await visitor(browser, { viewport: { width, height: 900 }, bypassCSP: true, locale: language === 'fa' ? 'fa-IR' : 'en-GB' });
      await page.addInitScript((chosen) => localStorage.setItem('ashna.preferences', JSON.stringify(chosen)), { language, theme });
      const login = await page.context().request.post(`${service.base}/api/v1/session`, { data: { email: EMAIL, password: PASSWORD } });
      assert.ok(login.ok());
      const failed = [];
      page.on('response', (response) => response.status() >= 500 && failed.push(`${response.status()} ${response.url()}`));
      for (const view of views) {
        await page.goto(`${service.base}/dashboard${view}`);
        await page.locator('main h1').first().waitFor();
        // Realtime never rests: what matters is that nothing spins any more.
        const settled = page.waitForFunction(() => !document.querySelector('main .spinner, main [aria-busy="true"]'), undefined, { timeout: SETTLE_MAX_MS });
        await settled.catch(() => assert.fail(`${view} is still loading: ${failed.at(-1)}`));
        const { lang, dir, over } = await page.evaluate(() => ({ lang: document.documentElement.lang, dir: document.documentElement.dir, over: document.documentElement.scrollWidth - innerWidth }));
        assert.deepEqual([lang, dir], language === 'fa' ? ['fa', 'rtl'] : ['en', 'ltr'], view);
        assert.ok(over <= 0, `${view} is ${over} pixels too wide`);
        await page.evaluate(axe);
        const violations = await page.evaluate(async () => (await window.axe.run(document, { resultTypes: ['violations'] })).violations.map(({ id, nodes }) => `${id}: ${nodes[0].target}`));
        assert.deepEqual(violations, [], view);
      }
      assert.deepEqual(page.errors, []);
      assert.deepEqual(failed, []);
      await page.context().close();
    });
  }
});

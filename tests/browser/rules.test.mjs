// The rule editor: parsing and serializing rules, and creating a nested rule with the keyboard only.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { build } from 'esbuild';
import { launch, visitor } from './browser.mjs';
import { startService, until } from './service.mjs';

const SOURCES = new URL('../../dashboard/src/', import.meta.url);

/** Bundles a dashboard module that needs no page. */
async function dashboard(path) {
  const built = await build({ entryPoints: [new URL(path, SOURCES).pathname], bundle: true, write: false, format: 'esm' });
  return import(`data:text/javascript,${encodeURIComponent(built.outputFiles[0].text)}`);
}

let service;
let browser;
let offers;
let merchandising;
let amount;

before(async () => {
  [service, browser, offers, merchandising, amount] = await Promise.all([
    startService(),
    launch(),
    dashboard('parts/offer/rule.ts'),
    dashboard('parts/catalogue/draft.ts'),
    dashboard('i18n/amount.ts'),
  ]);
});

after(async () => {
  await browser?.close();
  await service?.stop();
});

test('amounts are exact in every currency, or report why they are invalid', () => {
  const check = (text, currency, expected) => assert.equal(amount.toMinorUnits(text, currency), expected, `${text} ${currency}`);
  check('12.5', 'EUR', 1250);
  check('1.15', 'EUR', 115);
  check('4.35', 'EUR', 435);
  check('1,234,567.89', 'EUR', 123456789);
  check('90071992547409.91', 'EUR', Number.MAX_SAFE_INTEGER);
  check('90071992547409.92', 'EUR', 'too_large');
  check('0.005', 'EUR', 'too_fine');
  check('12.50', 'JPY', 'too_fine');
  check('12.00', 'JPY', 12);
  check('1.234', 'BHD', 1234);
  check('۱۲٬۵۰۰', 'IRT', 12_500_000);
  check('۲۵٫۵', 'IRR', 2550);
  for (const none of ['', '-1', '1e3', '12,50', '1.2.3', 'ten', '.5']) check(none, 'EUR', 'no_number');
  for (const currency of ['EUR', 'JPY', 'BHD', 'IRT', 'CLF']) {
    for (const minor of [0, 1, 9, 10, 100, 101, 99_999, 1_000_000, Number.MAX_SAFE_INTEGER]) {
      check(amount.typed(minor, currency), currency, minor);
    }
  }
  for (const minor of [0.5, -1, '5', null, 2 ** 53]) assert.equal(amount.typed(minor, 'EUR'), undefined);
});

const kinds = (group) => group.rules.map((node) => (node.rules ? [node.kind, ...kinds(node)] : node.why ?? node.kind));

test('supported rules are shown in the editor, others are kept as JSON', () => {
  const check = (when, shown, saved = { all: [when] }) => {
    const group = offers.toGroup(when, 'EUR');
    assert.deepEqual([group.kind, ...kinds(group)], shown);
    assert.deepEqual(offers.toRule(group, 'EUR'), saved);
  };
  const coffee = { field: 'affinity', op: 'eq', value: 'Coffee' };
  const dear = { field: 'cart_value_minor', op: 'gte', value: 1999 };
  check({}, ['all'], {});
  check(coffee, ['all', 'field']);
  check({ not: coffee }, ['none', 'field'], { not: { any: [coffee] } });
  const nested = { any: [dear, { all: [coffee, { not: { any: [dear, coffee] } }] }] };
  check(nested, ['any', 'field', ['all', 'field', ['none', 'field', 'field']]], nested);
  check({ field: 'mood', op: 'eq', value: 'good' }, ['all', 'field']);
  check({ field: 'trait.age', op: 'gt', value: 30 }, ['all', 'field']);
  check({ field: 'cart_value_minor', op: 'gte', value: 19.5 }, ['all', 'value']);
  check({ field: 'channel', op: 'in', value: ['a, b', 'c'] }, ['all', 'value']);
  check({ field: 'trait.plan', op: 'eq', value: 5 }, ['all', 'value']);
  const never = { all: [coffee, { any: [] }] };
  check(never, ['all', 'field', 'shape'], never);
  for (const rule of [{ field: 'mood', op: 'eq', value: 'good' }, { field: 'trait.age', op: 'gt', value: 30 }]) {
    assert.equal(offers.toGroup(rule, 'EUR').rules[0].kind, 'json');
  }
});

test('merchandising rules show prices in the currency of the site', () => {
  const rules = { only: { any: [{ field: 'price_minor', op: 'in', value: [1250, 1_000_000] }, { field: 'attribute.margin', op: 'gte', value: 40 }] } };
  const draft = merchandising.toDraft(rules, 'EUR');
  assert.deepEqual(draft.only.rules.map((leaf) => leaf.value), ['12.50, 10000', '40']);
  draft.only.rules[0].value = '12.50, 9,999.99';
  const { only } = JSON.parse(JSON.stringify(merchandising.toRules(draft, 'EUR')));
  assert.deepEqual(only, { any: [{ field: 'price_minor', op: 'in', value: [1250, 999_999] }, rules.only.any[1]] });
});

test('a nested rule is created with the keyboard, rejects an invalid amount, and is applied', async () => {
  const page = await visitor(browser, { locale: 'fa-IR' });
  await page.goto(service.setupLink);
  await page.locator('input[type=email]').fill('owner@shop.example');
  await page.locator('input[type=password]').first().fill('a long enough password');
  await page.locator('form button.main').click();
  await page.waitForURL((url) => !url.pathname.includes('setup'));
  const ask = (path, body) =>
    page.evaluate(
      async ([url, sent]) => {
        const answer = await fetch(`/api/v1${url}`, sent && { method: 'PUT', headers: { 'content-type': 'application/json' }, body: JSON.stringify(sent) });
        if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`);
        return answer.json();
      },
      [path, body],
    );
  const site = (await ask('/session')).sites.find(({ demo }) => demo);
  const path = `/sites/${site.id}/recommendation-rules`;
  const shown = async () => {
    const preview = await page.evaluate(async (url) => {
      const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"viewed":[]}' });
      return answer.json();
    }, `/api/v1/sites/${site.id}/recommendations/preview`);
    return preview.decisions['home-recs'].items;
  };
  const isCheapAudio = (item) => item.categories.includes('Audio') && item.price_minor <= 9999;
  const unknown = { field: 'attribute.grams', op: 'eq', value: 250 };
  await ask(path, { only: { not: unknown } });

  assert.ok((await shown()).some(isCheapAudio), 'without the rule, the excluded products are shown');

  const focus = (name) => page.evaluate(() => document.activeElement.textContent + document.activeElement.getAttribute('aria-label')).then((text) => text.includes(name));
  const tabTo = async (name) => {
    for (let n = 0; n < 60; n++) {
      if (await focus(name)) return;
      await page.keyboard.press('Tab');
    }
    assert.fail(`the keyboard does not reach ${name}`);
  };
  await page.goto(`${service.base}/dashboard/sites/${site.id}/catalogue`);
  const form = page.locator('form:has(fieldset.group)');
  await form.waitFor();
  assert.equal(await page.evaluate(() => document.dir || document.documentElement.dir), 'rtl');
  assert.deepEqual(JSON.parse(await form.locator('textarea').inputValue()), unknown);

  // The existing group matches none of its conditions; a nested group that matches all of two is added.
  await form.locator('select').first().focus();
  await tabTo('افزودن گروه');
  await page.keyboard.press('Enter');
  await tabTo('مقدار');
  await page.keyboard.type('Audio');
  await tabTo('افزودن شرط');
  await page.keyboard.press('Enter');
  // Focus is on the new condition's field already.
  for (let n = 0; n < 3; n++) await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Home');
  await tabTo('مبلغ');
  await page.keyboard.type('۹۹٫۹۹۹');
  await page.keyboard.press('Enter');
  await form.getByText('تعداد رقم‌های اعشار').waitFor();
  assert.deepEqual((await ask(path)).site.only, { not: unknown }, 'an invalid amount is not saved');
  for (let n = 0; n < 6; n++) await page.keyboard.press('Backspace');
  await page.keyboard.type('۹۹٫۹۹');
  await page.keyboard.press('Enter');
  const expected = {
    not: { any: [unknown, { all: [{ field: 'category', op: 'eq', value: 'Audio' }, { field: 'price_minor', op: 'lte', value: 9999 }] }] },
  };
  await until('the rule to be stored', async () => {
    const { only } = (await ask(path)).site;
    return JSON.stringify(only) !== JSON.stringify({ not: unknown });
  });
  assert.deepEqual((await ask(path)).site.only, expected);
  await page.reload();
  await form.waitFor();
  assert.equal(await form.getByLabel(/مبلغ/).inputValue(), '99.99');
  assert.deepEqual([(await shown()).length, (await shown()).filter(isCheapAudio).length], [8, 0], 'the rule holds');

  await page.goto(`${service.base}/dashboard/sites/${site.id}/recommendations?view=preview`);
  const why = page.locator('.items .why').first();
  await why.waitFor();
  assert.match(await why.innerText(), /[\u0600-\u06ff]/, 'the reason of an item is in the language being shown');
  assert.deepEqual(page.errors, []);
});

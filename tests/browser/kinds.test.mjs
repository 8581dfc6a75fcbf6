// Pages of every kind in every installed browser, against the real binary: the warehouse has exactly the events of
// the actions.

import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { ENGINES } from './engines.mjs';
import { Pages } from './pages.mjs';
import { Road } from './road.mjs';
import { startService, until } from './service.mjs';
import { Warehouse } from './warehouse.mjs';

/** Sent by timers, not by the test's actions: counted, but their number is not asserted. */
const TIMED = new Set(['Page Engaged', 'Web Vitals']);

let service;
let warehouse;

before(async () => {
  service = await startService({ demo: false });
  warehouse = await Warehouse.of(service);
});
after(() => service?.stop());

const configured = (page) => until('the settings', () => page.evaluate(() => !!window.ashna?.track && !!Object.keys(localStorage).some((key) => key.endsWith('.site'))));
const loaded = (page) => until('the tracker', () => page.evaluate(() => !!window.ashna?.track));
const posted = (road, count) => until(`${count} events on the road`, () => road.events.filter(({ type }) => !/engage|vitals/.test(type)).length >= count);

/** The actions on each kind of page, and the expected events. */
const kinds = {
  async static({ page, url, road }) {
    await page.goto(url + '/static');
    await configured(page);
    await page.click('#out');
    await page.click('#chosen');
    await posted(road, 3);
    await page.goto(url + '/next');
    await posted(road, 4);
    return ['view /static', 'Link Clicked /static', 'Chosen /static', 'view /next'];
  },
  async 'single-page with React'({ page, url, road }) {
    await page.goto(url + '/spa');
    await configured(page);
    await page.click('#product');
    await posted(road, 4);
    await page.evaluate(() => history.back());
    await posted(road, 5);
    return ['view /spa', 'Button Clicked /spa', 'view /spa/p-1', 'Product Viewed /spa/p-1', 'view /spa'];
  },
  async 'Turbo-style'({ page, url, road }) {
    await page.goto(url + '/turbo');
    await configured(page);
    await page.click('#go');
    await until('the second page', () => page.evaluate(() => !!document.querySelector('#add')));
    await page.click('#add');
    await posted(road, 4);
    return ['view /turbo', 'Link Clicked /turbo', 'view /turbo-two', 'Product Added /turbo-two'];
  },
  async 'a frame'({ page, url, road }) {
    // On the first visit: the two frames do not know of each other, and nothing may be stored yet.
    await page.goto(url + '/frame');
    await posted(road, 2);
    await configured(page);
    await page.click('#chosen');
    await posted(road, 3);
    return ['view /frame', 'view /framed', 'Chosen /frame'];
  },
  async 'nothing kept in browsers'({ page, url, road, change }) {
    await page.goto(url + '/static');
    await configured(page);
    await change({ known_by: 'daily_hash' });
    await page.goto(url + '/next');
    const kept = () => page.evaluate(() => localStorage.length);
    await until('what was kept to go', async () => (await kept()) === 0);
    const before = road.posted.length;
    await page.evaluate(() => ashna.consent({ analytics: true, personalization: true }));
    await page.goto(url + '/static');
    await loaded(page);
    await page.click('#chosen');
    await posted(road, 4);
    assert.deepEqual(await page.evaluate(() => Object.keys(localStorage).map((key) => key.split('.').at(-1)).sort()), ['choice', 'site']);
    assert.ok(road.posted.slice(before).every(({ visitor }) => !visitor), 'no id is proposed any more');
    return ['view /static', 'view /next', 'view /static', 'Chosen /static'];
  },
  async 'a strict policy'({ page, url, road }) {
    await page.goto(url + '/strict');
    await configured(page);
    await page.click('#chosen');
    await posted(road, 2);
    return ['view /strict', 'Chosen /strict'];
  },
  async 'storage refused'({ page, url, road }) {
    await page.goto(url + '/refused');
    await loaded(page);
    await posted(road, 1);
    await page.click('#chosen');
    await posted(road, 2);
    return ['view /refused', 'Chosen /refused'];
  },
  async 'a form that is left'({ page, url, road }) {
    await page.goto(url + '/form');
    await configured(page);
    await page.type('#mail', 'secret@shop.example');
    await page.goto(url + '/next');
    await posted(road, 4);
    return ['view /form', 'Form Started /form', 'Form Abandoned /form', 'view /next'];
  },
  async 'offline and back'({ page, url, road }) {
    await page.goto(url + '/static');
    await configured(page);
    road.mood = 'closed';
    await page.click('#chosen');
    await until('an attempt in vain', () => page.evaluate(() => Object.keys(localStorage).some((key) => key.includes('.queue.'))));
    road.mood = 'open';
    await posted(road, 2);
    return ['view /static', 'Chosen /static'];
  },
  async 'closed while sending'({ page, url, road, context }) {
    await page.goto(url + '/static');
    await configured(page);
    road.mood = 'swallowing';
    await page.click('#chosen');
    await until('the event to be under way', () => road.swallowed > 0);
    await page.close();
    road.mood = 'open';
    const later = await context.newPage();
    await later.goto(url + '/next');
    await posted(road, 3);
    return ['view /static', 'Chosen /static', 'view /next'];
  },
  async 'back and forward'({ page, url, road }) {
    await page.goto(url + '/static');
    await configured(page);
    await page.click('#next');
    await posted(road, 3);
    await page.evaluate(() => history.back());
    await posted(road, 4);
    return ['view /static', 'Link Clicked /static', 'view /next', 'view /static'];
  },
  async 'two hundred slots'({ page, url, road }) {
    await page.goto(url + '/slots');
    await until('all of them settled', () => page.evaluate(() => document.querySelectorAll('[data-ashna-state]').length === 200));
    await posted(road, 1);
    assert.deepEqual(road.asked.map(({ slots }) => slots.length), [200], 'one request for all');
    return ['view /slots'];
  },
};

for (const [engine, launch] of Object.entries(ENGINES)) {
  describe(engine, () => {
    let browser;
    before(async () => {
      browser = await launch();
    });
    after(() => browser?.close());
    for (const [kind, does] of Object.entries(kinds)) {
      test(kind, { timeout: 300_000 }, () => walk(engine, browser, kind, does));
    }
  });
}

async function walk(engine, browser, kind, does) {
  const road = await Road.to(service.base);
  const pages = await Pages.open(road);
  const { site_id: site, write_key } = await service.addSite(pages.url);
  pages.key = write_key;
  const context = await browser.createBrowserContext();
  try {
    const page = await context.newPage();
    page.setDefaultTimeout?.(120_000);
    const change = (settings) => changed(site, settings);
    const expected = await does({ page, context, road, change, url: pages.url });
    await context.close();
    const stored = await until('everything in the warehouse', async () => {
      const rows = await warehouse.events(site);
      return rows.length >= road.events.length && rows;
    });
    assert.equal(stored.length, road.events.length, 'as many rows as events on the road');
    const actions = stored.filter(({ name }) => !TIMED.has(name)).map(({ name, path }) => `${name} ${path}`);
    assert.deepEqual(actions.toSorted(), expected.toSorted());
    // A visitor known by a cookie becomes another visitor once nothing is stored.
    assert.equal(new Set(stored.map(({ visitor }) => visitor)).size, kind.startsWith('nothing') ? 2 : 1, 'one visitor');
    assert.ok(!JSON.stringify(road.posted).includes('secret@'), 'nothing of what was typed');
    await record(engine, kind, { origin: pages.url, write_key }, road.posted, stored);
  } finally {
    await context.close().catch(() => {});
    road.close();
    pages.close();
  }
}

/** Changes site settings, as the owner does in the dashboard. */
async function changed(site, settings) {
  const { key } = await service.command('key', 'add', '--site', String(site), '--scope', 'admin', '--json');
  const answer = await fetch(`${service.base}/api/v1/sites/${site}`, {
    method: 'PATCH',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify(settings),
  });
  assert.equal(answer.status, 200, await answer.text());
}

/** With RECORD=DIR the bodies become fixtures for `tests/it/recorded.rs`. */
async function record(engine, kind, { origin, write_key }, bodies, stored) {
  const directory = process.env.RECORD;
  if (!directory) return;
  await mkdir(directory, { recursive: true });
  const anonymous = (value) => JSON.parse(JSON.stringify(value).replaceAll(origin, 'https://shop.example').replaceAll(write_key, 'KEY'));
  const rows = stored.map(({ name, path, properties }) => ({ name, path, properties }));
  const name = `${engine}-${kind.replaceAll(/\W+/g, '-').toLowerCase()}.json`;
  await writeFile(`${directory}/${name}`, JSON.stringify(anonymous({ bodies, stored: rows }), null, 1) + '\n');
}

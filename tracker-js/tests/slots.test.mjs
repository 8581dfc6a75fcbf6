import assert from 'node:assert/strict';
import { play, scene } from './browser.mjs';
import { quiet, until } from './site.mjs';

const HERO = `<div data-ashna-slot="hero" style="height: 120px; display: flow-root"><p>Default</p>
  <template><h2 data-ashna-text="title">No title</h2><a data-ashna-href="url" data-ashna-text="cta">Go</a>
  <img data-ashna-src="image" data-ashna-alt="title" width="20" height="20"></template></div>`;
const ROW = `<ul data-ashna-slot="row" style="min-height: 120px; display: flow-root"><li>Default</li><template><li data-ashna-text="title"></li>
  <li data-ashna-each class="item"><a data-ashna-href="url"><b data-ashna-text="title"></b> <i data-ashna-money="price"></i></a></li></template></ul>`;

const hero = {
  offer: 'welcome',
  variant: 'b',
  reason: 'offer',
  items: [],
  content: { title: 'Fresh beans', url: '/beans', cta: 'See', image: '/beans.png' },
};
const row = {
  offer: null,
  variant: null,
  reason: 'recommendation',
  content: { title: 'For you' },
  items: [
    { id: 'p-1', title: 'Cup', url: '#cup', price_minor: 1250, currency: 'EUR' },
    { id: 'p-2', title: 'Pot', url: '#pot', price_minor: 1250, currency: 'JPY' },
    { id: 'p-3', title: 'Jug', url: '#jug', price_minor: 1250, currency: 'KWD' },
  ],
};

const PATIENT = { deadlineMs: 10_000 };

const settled = (page, slot, state) => page.waitForSelector(`[data-ashna-slot="${slot}"][data-ashna-state="${state}"]`, { state: 'attached' });

/** Notes in the page, frame by frame, which texts of the slot could be seen, and from when. */
const watchFrames = () => {
  window.frames_seen = [];
  const look = () => {
    const slot = document.querySelector('[data-ashna-slot]');
    const shown = slot && getComputedStyle(slot).visibility === 'visible' ? slot.innerText.trim() : slot && '(hidden)';
    if (shown && frames_seen.at(-1)?.shown !== shown) frames_seen.push({ shown, at: performance.now() });
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
  window.shift = 0;
  new PerformanceObserver((list) => list.getEntries().forEach(({ value }) => (shift += value))).observe({
    type: 'layout-shift',
    buffered: true,
  });
};
const framesOf = (page) => page.evaluate(() => frames_seen.map(({ shown }) => shown));

scene(
  'one request fills all slots, through their templates, before the default was seen',
  async ({ site, page }) => {
    site.decide = () => ({ decisions: { hero, row } });
    site.page('/', { ...PATIENT, body: HERO + ROW + '<p>Below</p>' });
    await page.goto(site.url);
    await settled(page, 'hero', 'filled');
    await settled(page, 'row', 'filled');
    assert.equal(site.asked.length, 1);
    assert.deepEqual(site.asked[0].slots, ['hero', 'row']);
    assert.equal(site.asked[0].context.url, site.url + '/');
    const drawn = await page.evaluate(() => ({
      title: document.querySelector('h2').textContent,
      link: document.querySelector('[data-ashna-slot=hero] a').getAttribute('href'),
      image: document.querySelector('img').getAttribute('src'),
      alt: document.querySelector('img').alt,
      row: [...document.querySelectorAll('.item')].map((item) => item.innerText),
      heading: document.querySelector('[data-ashna-slot=row] li').innerText,
      defaults: document.body.innerText.includes('Default'),
    }));
    assert.deepEqual(drawn, {
      title: 'Fresh beans',
      link: '/beans',
      image: '/beans.png',
      alt: 'Fresh beans',
      row: ['Cup €12.50', 'Pot ¥1,250', 'Jug KWD 1.250'].map((text) => text.replace('KWD ', 'KWD\u00a0')),
      heading: 'For you',
      defaults: false,
    });
    await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
    assert.deepEqual(
      (await framesOf(page)).filter((shown) => shown !== '(hidden)').map((shown) => shown.replace(/\s+/g, ' ')),
      ['Fresh beans See'],
    );
    assert.equal(await page.evaluate(() => shift), 0, 'nothing on the page moved');
  },
  { prepare: watchFrames },
);

scene(
  'a late decision leaves the default, and is reported',
  async ({ site, page }) => {
    site.decide = () => ({ decisions: { hero } });
    site.decideDelayMs = 900;
    // The deadline ends the wait, not the style.
    site.page('/', { body: HERO, hiddenMs: 60_000 });
    await page.goto(site.url);
    await settled(page, 'hero', 'default');
    await until('the report', () => site.named('Decision Late').length === 1);
    assert.deepEqual(site.named('Decision Late')[0].properties.slots, ['hero']);
    assert.ok(site.named('Decision Late')[0].properties.late_ms > 0);
    assert.equal(await page.innerText('[data-ashna-slot]'), 'Default');
    assert.equal(await page.evaluate(() => shift), 0);
    assert.deepEqual((await framesOf(page)).filter((shown) => shown !== '(hidden)'), ['Default']);
    await quiet(page, 1600);
    assert.equal(site.named('Slot Viewed').length, 0, 'what was not shown is not counted');
  },
  { prepare: watchFrames },
);

scene(
  'a hidden slot is filled even if the script arrives after the deadline',
  async ({ site, page }) => {
    site.decide = () => ({ decisions: { hero } });
    site.scriptDelayMs = 2500;
    site.page('/', { body: HERO, deadlineMs: 2000, hiddenMs: 60_000 });
    await page.goto(site.url);
    await settled(page, 'hero', 'filled');
    assert.ok((await page.evaluate(() => performance.now())) > 2500);
    assert.deepEqual((await framesOf(page)).filter((shown) => shown.includes('Default')), []);
    assert.equal(await page.evaluate(() => shift), 0);
    await quiet(page);
    assert.equal(site.named('Decision Late').length, 0);
  },
  { prepare: watchFrames },
);

scene(
  'a default that the style has shown is not replaced, and the style does not wait for the decision',
  async ({ site, page }) => {
    site.decide = () => ({ decisions: { hero } });
    site.decideDelayMs = 4000;
    site.page('/', { body: HERO, deadlineMs: 60_000, hiddenMs: 500 });
    await page.goto(site.url);
    await settled(page, 'hero', 'default');
    await until('the report', () => site.named('Decision Late').length === 1);
    const [hidden, shown, ...more] = await page.evaluate(() => frames_seen);
    assert.deepEqual([hidden.shown, shown.shown, more], ['(hidden)', 'Default', []]);
    assert.ok(shown.at - hidden.at < 3500, `hidden for ${shown.at - hidden.at} ms`);
    assert.equal(await page.evaluate(() => shift), 0);
  },
  { prepare: watchFrames },
);

scene('without the style the deadline starts at navigation start', async ({ site, page }) => {
  site.decide = () => ({ decisions: { hero } });
  site.scriptDelayMs = 600;
  site.page('/', { body: HERO, deadlineMs: 300, hiddenMs: 0 });
  await page.goto(site.url);
  await settled(page, 'hero', 'default');
  await until('the report', () => site.named('Decision Late').length === 1);
});

scene(
  'if the script never comes the default shows itself after the deadline',
  async ({ site, page }) => {
    site.scriptServed = false;
    site.page('/', { body: HERO });
    await page.goto(site.url);
    await until('the default', async () => (await framesOf(page)).includes('Default'));
    const [hidden, shown] = await page.evaluate(() => frames_seen);
    assert.equal(hidden.shown, '(hidden)');
    const waited = shown.at - hidden.at;
    assert.ok(waited > 200, `showed after ${waited} ms`);
    assert.equal(await page.evaluate(() => shift), 0);
  },
  { prepare: watchFrames },
);

scene('if the service is down the default is shown immediately', async ({ site, page }) => {
  site.page('/', { ...PATIENT, body: HERO });
  await page.route('**/v1/decide', (route) => route.abort());
  await page.goto(site.url);
  await settled(page, 'hero', 'default');
  assert.equal(await page.innerText('[data-ashna-slot]'), 'Default');
});

scene('hostile content stays text and hostile URLs are refused', async ({ site, page }) => {
  const attack = '<img src=x onerror="window.hit=1">';
  const addresses = ['javascript:hit=1', ' java\nscript:hit=1', 'data:text/html,<script>hit=1</script>', 'vbscript:x', 'blob:x', 'http://['];
  site.decide = () => ({
    decisions: {
      hero: { ...hero, content: { title: attack, cta: attack, url: addresses[0], image: 'data:image/svg+xml,<svg onload=hit=1>' } },
      row: { ...row, items: addresses.map((url, n) => ({ id: '' + n, title: attack, url, price_minor: 1, currency: '<b>' })) },
      bare: { ...hero, content: { title: attack } },
    },
  });
  site.page('/', { ...PATIENT, body: HERO + ROW + '<div data-ashna-slot="bare"></div>' });
  await page.goto(site.url);
  await settled(page, 'row', 'filled');
  const drawn = await page.evaluate(() => ({
    heading: document.querySelector('h2').textContent,
    bare: document.querySelector('[data-ashna-slot=bare]').textContent,
    links: document.querySelectorAll('a[href]').length,
    sources: document.querySelectorAll('img[src]').length,
    items: document.querySelectorAll('.item').length,
  }));
  assert.deepEqual(drawn, { heading: attack, bare: attack, links: 0, sources: 0, items: 6 });
  for (const link of await page.$$('.item a')) await link.click();
  assert.equal(await page.evaluate(() => window.hit), undefined);
});

scene('without a template: allowed HTML, else the title, else the default', async ({ site, page }) => {
  site.decide = () => ({
    decisions: {
      rich: { ...hero, content: { html: '<em>Rich</em>', title: 'Poor' } },
      plain: { ...hero, content: { title: 'Plain' } },
      empty: { ...hero, content: {} },
      control: { ...hero, content: null, reason: 'control' },
    },
  });
  const names = ['rich', 'plain', 'empty', 'control', 'unknown'];
  site.page('/', { ...PATIENT, body: names.map((name) => `<div data-ashna-slot="${name}">Default</div>`).join('') });
  await page.goto(site.url);
  await settled(page, 'unknown', 'default');
  const drawn = await page.$$eval('[data-ashna-slot]', (slots) => slots.map((slot) => [slot.innerHTML, slot.dataset.ashnaState]));
  assert.deepEqual(drawn, [
    ['<em>Rich</em>', 'filled'],
    ['Plain', 'filled'],
    ['Default', 'default'],
    ['Default', 'default'],
    ['Default', 'default'],
  ]);
});

scene('slots inserted later are combined into one more request', async ({ site, page }) => {
  site.decide = () => ({ decisions: { hero, row } });
  site.page('/', { ...PATIENT, body: HERO });
  await page.goto(site.url);
  await settled(page, 'hero', 'filled');
  await page.evaluate((html) => {
    history.pushState({}, '', '/p/2');
    document.body.insertAdjacentHTML('beforeend', html);
    Promise.resolve().then(() => document.body.insertAdjacentHTML('beforeend', '<p data-ashna-slot="more">More</p>'));
  }, ROW);
  await settled(page, 'row', 'filled');
  await settled(page, 'more', 'default');
  assert.deepEqual(site.asked.map(({ slots }) => slots), [['hero'], ['row', 'more']]);
  assert.equal(site.asked[1].context.url, site.url + '/p/2');
});

scene('a slot inserted long after page load has its own deadline', async ({ site, page }) => {
  site.decide = () => ({ decisions: { hero } });
  site.page('/', { deadlineMs: 1500 });
  await page.goto(site.url);
  await page.waitForFunction(() => window.ashna?.track);
  await page.waitForFunction(() => performance.now() > 1600);
  await page.evaluate((html) => document.body.insertAdjacentHTML('beforeend', html), HERO);
  await settled(page, 'hero', 'filled');
});

scene('the item and the context of the page are part of the request', async ({ site, page }) => {
  site.page('/', {
    ...PATIENT,
    head: `<script>(window.ashna = window.ashna || []).push(['context', { cart: ['p-9'] }])</script>`,
    body: HERO + '<main data-ashna-item="p-12"></main>',
  });
  await page.goto(site.url);
  await settled(page, 'hero', 'default');
  const { item, cart } = site.asked[0].context;
  assert.deepEqual([item, cart], ['p-12', ['p-9']]);
});

scene('a partially loaded slot is not filled before it is complete', async ({ site, page }) => {
  let go;
  site.goOn = new Promise((resolve) => (go = resolve));
  site.decide = ({ slots }) => ({ decisions: Object.fromEntries(slots.map((slot) => [slot, { ...hero, content: { title: slot } }])) });
  site.page('/', { ...PATIENT, body: `<p data-ashna-slot="whole">Default</p><p data-ashna-slot="half">Def${site.halt}ault</p>` });
  const loading = page.goto(site.url, { waitUntil: 'commit' });
  await settled(page, 'whole', 'filled');
  assert.deepEqual(site.asked.map(({ slots }) => slots), [['whole']], 'what is whole does not wait for the rest');
  go();
  await loading;
  await settled(page, 'half', 'filled');
  assert.equal(await page.textContent('[data-ashna-slot=half]'), 'half');
  assert.deepEqual(site.asked.map(({ slots }) => slots), [['whole'], ['half']]);
});

scene('decide() returns decisions without rendering, and never rejects', async ({ site, page }) => {
  site.decide = () => ({ decisions: { other: hero } });
  site.page('/');
  await page.goto(site.url);
  await page.waitForFunction(() => window.ashna?.track);
  const answer = await page.evaluate(() => ashna.decide(['other'], { item: 'p-7' }));
  assert.equal(answer.decisions.other.offer, 'welcome');
  assert.deepEqual(site.asked[0].slots, ['other']);
  assert.equal(site.asked[0].context.item, 'p-7');
  await page.route('**/v1/decide', (route) => route.fulfill({ status: 503, body: '{}' }));
  assert.deepEqual(await page.evaluate(() => ashna.decide(['other'])), { decisions: {}, degraded: true });
});

scene('a slot counts as viewed once, after half of it was visible for a second', async ({ site, page }) => {
  site.decide = () => ({ decisions: { hero, row, control: { ...hero, content: null, reason: 'control' } } });
  site.page('/', { ...PATIENT, body: `${HERO}<p data-ashna-slot="control">Default</p><div style="height: 2000px"></div>${ROW}` });
  await page.goto(site.url);
  await settled(page, 'row', 'filled');
  await until('both in view', () => site.named('Slot Viewed').length === 2);
  await page.evaluate(() => scrollTo(0, 9999));
  await until('the row', () => site.named('Slot Viewed').length === 3);
  await page.evaluate(() => scrollTo(0, 0));
  await quiet(page, 1600);
  assert.deepEqual(
    // The first two become visible at the same time; their order does not matter.
    site.named('Slot Viewed').map(({ properties }) => properties).sort((a, b) => (a.slot < b.slot ? -1 : 1)),
    [
      { slot: 'control', offer: 'welcome', variant: 'b', reason: 'control', items: [] },
      { slot: 'hero', offer: 'welcome', variant: 'b', reason: 'offer', items: [] },
      { slot: 'row', offer: null, variant: null, reason: 'recommendation', items: ['p-1', 'p-2', 'p-3'] },
    ],
  );
});

scene('a click in a slot has the item and its position', async ({ site, page }) => {
  site.decide = () => ({ decisions: { hero, row } });
  site.page('/', { ...PATIENT, body: HERO + ROW + '<div data-ashna-slot="none">Default</div>' });
  await page.goto(site.url);
  await settled(page, 'row', 'filled');
  await page.click('.item:nth-of-type(3) b');
  await page.click('h2');
  await page.click('[data-ashna-slot=none]');
  await until('both clicks', () => site.named('Slot Clicked').length === 2);
  const [item, whole] = site.named('Slot Clicked').map(({ properties }) => properties);
  assert.deepEqual([item.slot, item.item, item.position], ['row', 'p-2', 2]);
  assert.deepEqual([whole.slot, whole.offer, whole.item], ['hero', 'welcome', undefined]);
  assert.equal(site.named('Slot Clicked').length, 2);
});

scene('the page gets an event for each decision', async ({ site, page }) => {
  site.decide = () => ({ decisions: { hero } });
  site.page('/', {
    ...PATIENT,
    head: `<script>decided = []; addEventListener('ashna:decision', ({ detail, target }) => decided.push([detail.slot, detail.state, detail.late, detail.decision?.offer, target.dataset.ashnaState]))</script>`,
    body: HERO + ROW,
  });
  await page.goto(site.url);
  await settled(page, 'row', 'default');
  assert.deepEqual(await page.evaluate(() => decided), [
    ['hero', 'filled', false, 'welcome', 'filled'],
    ['row', 'default', false, null, 'default'],
  ].map((line) => line.map((value) => value ?? undefined)));
});

play();

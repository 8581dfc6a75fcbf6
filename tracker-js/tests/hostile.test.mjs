// What a page, or other scripts on it, may do to the tracker: it never throws errors into the page, and counts what can
// still be counted.
import assert from 'node:assert/strict';
import { play, scene } from './browser.mjs';
import { lived, until } from './site.mjs';

const ID = /^[0-9a-f]{32}$/;

const tracked = async ({ site, page }) => {
  await page.evaluate(() => ashna.track('Sent', { n: 1 }));
  await until('the event', () => site.named('Sent').length === 1);
};

scene(
  'what others left in storage is not believed',
  async ({ site, page }) => {
    site.page('/');
    await page.goto(site.url);
    await until('the view', () => site.named('view').length >= 1);
    await until('the settings', () => page.evaluate(() => localStorage['ashna.k1.site']?.includes('v1')));
    await tracked({ site, page });
    assert.ok(site.posts.every(({ visitor }) => ID.test(visitor)));
    assert.equal(site.events.length, 2);
  },
  {
    prepare: () => {
      if (origin === 'null') return;
      localStorage['ashna.k1.site'] = '{"v":"v1","consent":true,"on":5,"origins":7}';
      localStorage['ashna.k1.id'] = '{"is":"no id"}';
      localStorage['ashna.k1.choice'] = '"agreed"';
      localStorage['ashna.k1.queue.a'] = '[null,7,{"event":5},{"event":{"messageId":"x","context":null}}]';
      localStorage['ashna.k1.queue.b'] = '[{"event"';
    },
  },
);

scene(
  'what others left to be sent, with consent, is looked at before it is sent',
  async ({ site, page }) => {
    site.page('/', { tag: 'data-consent="granted"' });
    await page.goto(site.url);
    await until('the view', () => site.named('view').length === 1);
    await tracked({ site, page });
    assert.deepEqual(site.events.map(({ type }) => type), ['view', 'track']);
    assert.deepEqual(await page.evaluate(() => Object.keys(localStorage).filter((name) => name.includes('queue'))), []);
  },
  {
    prepare: () => {
      // Only once: later values are written by the tracker itself.
      if (origin === 'null' || localStorage['ashna.k1.id']) return;
      localStorage['ashna.k1.id'] = '"short"';
      localStorage['ashna.k1.queue.a'] = '[null,7,{"event":5},{"event":{"messageId":"x","context":null}}]';
    },
  },
);

scene(
  'a page that adds to every object and list',
  async ({ site, page }) => {
    site.page('/', { body: '<div data-ashna-slot="constructor">Default</div><a href="#x">Link</a>' });
    site.settings.on = ['view', 'click', 'gtag'];
    await page.goto(site.url);
    await until('the view', () => site.named('view').length === 1);
    await until('the settings', () => page.evaluate(() => !!localStorage['ashna.k1.site']));
    await page.click('a');
    await tracked({ site, page });
    assert.equal(site.named('click').length, 1);
  },
  {
    prepare: () => {
      Object.prototype.extra = function extra() {};
      Array.prototype.last = function last() {};
      Array.prototype.consent = 'x';
    },
  },
);

for (const [what, broken] of Object.entries({
  'fetch that throws': () => (window.fetch = () => { throw new Error('no'); }),
  'fetch that answers nonsense': () => (window.fetch = async () => ({ ok: true })),
  'fetch that is no function': () => (window.fetch = 5),
})) {
  scene(
    `${what}: nothing is thrown, and what happened leaves when the page does`,
    async ({ site, page }) => {
      site.page('/').page('/next');
      await page.goto(site.url);
      await page.waitForFunction(() => window.ashna?.track);
      await page.evaluate(() => ashna.track('Sent', {}));
      await lived(page);
      await page.goto(site.url + '/next');
      await until('the beacon', () => site.named('Sent').length >= 1);
    },
    { prepare: broken },
  );
}

for (const [what, broken] of Object.entries({
  'no MutationObserver': () => delete window.MutationObserver,
  'a MutationObserver that throws': () => (window.MutationObserver = class { constructor() { throw new Error('no'); } }),
  'an IntersectionObserver that throws': () => (window.IntersectionObserver = class { observe() { throw new Error('no'); } }),
  'no PerformanceObserver and a Temporal of its own': () => { delete window.PerformanceObserver; window.Temporal = {}; },
  'a beacon that throws and a Promise of its own': () => {
    navigator.sendBeacon = () => { throw new Error('no'); };
    window.Promise = class extends Promise {};
  },
  'idle time that never comes': () => { window.requestIdleCallback = () => 1; },
})) {
  scene(
    `${what}: slots and events go on`,
    async ({ site, page }) => {
      site.decide = () => ({ decisions: { hero: { content: { title: 'Spring' }, items: [], offer: 'o', reason: 'offer' } } });
      site.page('/', { body: '<div data-ashna-slot="hero">Default</div>', deadlineMs: 9000 });
      await page.goto(site.url);
      const shown = () => page.evaluate(() => document.querySelector('[data-ashna-slot]')?.textContent);
      await until('the decision', async () => (await shown()) === 'Spring');
      await tracked({ site, page });
    },
    { prepare: broken },
  );
}

scene(
  'a JSON that throws takes the events with it and nothing else',
  async ({ site, page }) => {
    site.page('/', { body: '<div data-ashna-slot="hero">Default</div>' });
    await page.goto(site.url);
    await page.waitForFunction(() => window.ashna);
    await page.evaluate(() => ashna.track('Lost', {}));
    await page.waitForFunction(() => document.querySelector('[data-ashna-slot]').dataset.ashnaState === 'default');
    await lived(page);
    assert.equal(site.posts.length, 0);
  },
  { prepare: () => { JSON.stringify = () => { throw new Error('no'); }; } },
);

scene('a dataLayer of twenty thousand entries', async ({ site, page }) => {
  site.settings.on = ['view', 'gtag'];
  site.page('/', { head: '<script>window.dataLayer = Array.from({ length: 20000 }, (_, n) => ({ event: "e" + n }))</script>', tag: 'data-consent="granted"' });
  await page.goto(site.url);
  // Pushed before the settings were known: the newest are held until they are.
  await until('the last of them', () => site.named('e19999').length === 1);
  assert.ok(site.named('gtag').length <= 200);
});

scene('frames of one origin share one visitor from the start, a sandboxed frame does not', async ({ site, page }) => {
  site.page('/', {
    body: `<iframe src="/framed"></iframe><iframe sandbox="allow-scripts" src="/boxed"></iframe>`,
  }).page('/framed').page('/boxed');
  site.collect = () => ({ status: 204, answer: {} });
  await page.goto(site.url);
  const of = (path) => site.posts.find(({ context }) => context.page.url === site.url + path)?.visitor;
  // The events of the sandboxed frame may arrive first.
  await until('the views of both', () => of('/') && of('/framed'));
  assert.match(of('/'), ID);
  assert.equal(of('/framed'), of('/'));
});

scene('a page that is left immediately is counted', async ({ site, page }) => {
  site.page('/', {
    // The page is never idle, and the visitor leaves before the idle timeout, but after the script was loaded.
    head: '<script>requestIdleCallback = () => 1; document.addEventListener("load", () => setTimeout(() => (location.href = "/next"), 50), true)</script>',
  }).page('/next');
  await page.goto(site.url);
  await page.waitForURL('**/next');
  await until('both views', () => site.named('view').length === 2);
});

play();

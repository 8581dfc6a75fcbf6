import assert from 'node:assert/strict';
import { play, scene } from './browser.mjs';
import { lived, quiet, until } from './site.mjs';

const stored = (page) => page.evaluate(() => Object.keys(localStorage).sort());
const ready = (page) => page.waitForFunction(() => window.ashna?.track);

scene('with `wait` nothing is sent and nothing is stored until consent is given', async ({ site, page }) => {
  site.page('/', { tag: 'data-consent="wait"', deadlineMs: 9000, body: '<div data-ashna-slot="hero">Default</div>' });
  await page.goto(site.url);
  await ready(page);
  await page.evaluate(() => ashna.track('Before', {}));
  await quiet(page);
  assert.deepEqual([site.posts.length, site.asked.length], [0, 0]);
  assert.deepEqual(await stored(page), []);
  await page.evaluate(() => ashna.consent({ analytics: true, personalization: true }));
  await page.evaluate(() => ashna.track('After', {}));
  await until('all that waited', () => site.events.length === 3);
  assert.deepEqual(site.events.map(({ type, event }) => event || type), ['view', 'Before', 'After']);
  assert.match(site.posts[0].visitor, /^[0-9a-f]{32}$/);
  assert.deepEqual(await stored(page), ['ashna.k1.choice', 'ashna.k1.id', 'ashna.k1.site']);
});

scene('the site settings apply from the first answer on', async ({ site, page }) => {
  site.settings.consent = false;
  site.page('/');
  await page.goto(site.url);
  await until('the first view', () => site.posts.length === 1);
  await ready(page);
  await page.evaluate(() => ashna.track('Next', {}));
  await until('the next event', () => site.named('Next').length === 1);
  assert.equal(site.posts[1].visitor, undefined);
  assert.deepEqual(await stored(page), []);
});

scene('an id is stored only once the settings allow it', async ({ site, page }) => {
  site.page('/');
  await page.goto(site.url);
  await until('the settings', async () => (await stored(page)).includes('ashna.k1.site'));
  assert.equal(await page.evaluate(() => JSON.parse(localStorage['ashna.k1.id'])), site.posts[0].visitor);
  await page.reload();
  await until('the second view', () => site.posts.length === 2);
  assert.equal(site.posts[1].visitor, site.posts[0].visitor);
  assert.equal(site.posts[1].settings, 'v1');
});

scene('a cookieless site stores nothing regardless of consent, and clears what was stored', async ({ site, page }) => {
  site.page('/');
  await page.goto(site.url);
  await until('the settings', async () => (await stored(page)).includes('ashna.k1.site'));
  site.settings = { ...site.settings, v: 'v2', keep: false };
  await page.reload();
  await until('an empty storage', async () => (await stored(page)).length === 0);
  await page.evaluate(() => {
    ashna.consent({ analytics: true, personalization: true });
    ashna.track('Next', {});
  });
  await until('the next event', () => site.named('Next').length === 1);
  assert.equal(site.posts.at(-1).visitor, undefined);
  assert.deepEqual(site.posts.at(-1).consent, { analytics: true, personalization: true });
  const chosen = ['ashna.k1.choice', 'ashna.k1.site'];
  assert.deepEqual(await stored(page), chosen, 'what they chose, so that they are not asked again, and that no id may be kept');
  await page.reload();
  await until('the view', () => site.named('view').length === 3);
  await page.evaluate(() => ashna.track('Last', {}));
  await until('the last event', () => site.named('Last').length === 1);
  assert.ok(site.posts.slice(-2).every(({ visitor }) => !visitor), 'no id, not even until the answer');
  assert.deepEqual(await stored(page), chosen);
});

scene(
  'a site can ignore the browser\'s signal, once the settings say so',
  async ({ site, page }) => {
    site.settings.gpc = false;
    site.page('/');
    await page.goto(site.url);
    await until('the first view', () => site.posts.length === 1);
    assert.equal(site.posts[0].visitor, undefined, 'the stricter rule, while nothing is known');
    await until('the settings', async () => (await stored(page)).includes('ashna.k1.site'));
    await page.evaluate(() => ashna.track('Next', {}));
    await until('the next event', () => site.named('Next').length === 1);
    assert.match(site.posts[1].visitor, /^[0-9a-f]{32}$/);
  },
  { prepare: () => Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', { get: () => true }) },
);

scene('after an opt-out nothing is counted, also on later pages, until opting in again', async ({ site, page }) => {
  site.page('/');
  await page.goto(site.url);
  await until('the first view', () => site.posts.length === 1);
  await ready(page);
  await page.evaluate(() => {
    ashna.optOut();
    ashna.track('Unseen', {});
  });
  await page.reload();
  await ready(page);
  await page.evaluate(() => ashna.track('Unseen', {}));
  await quiet(page);
  assert.equal(site.posts.length, 1);
  const asked = site.asked.length;
  assert.deepEqual(await page.evaluate(() => ashna.decide(['hero'])), { decisions: {}, degraded: true });
  assert.equal(site.asked.length, asked);
  await page.evaluate(() => {
    ashna.optOut(false);
    ashna.track('Seen', {});
  });
  await until('the event', () => site.named('Seen').length === 1);
  assert.equal(site.named('Unseen').length, 0);
});

scene('decisions made during server-side rendering are shown and counted, not requested', async ({ site, page }) => {
  const hero = { offer: 'spring', variant: null, content: { title: 'Spring' }, items: [], reason: 'offer' };
  site.page('/', {
    head: `<script>window.ashna = [['decided', ${JSON.stringify({ hero, drawn: { ...hero, offer: 'drawn' } })}]]</script>`,
    body: `<div data-ashna-slot="hero">Default</div>
      <div data-ashna-slot="drawn" data-ashna-state="filled"><b>Drawn</b></div>`,
  });
  await page.goto(site.url);
  await page.waitForFunction(() => document.querySelector('[data-ashna-slot=hero]').textContent === 'Spring');
  await page.click('b');
  // In any order: a click in the first second is sent before the impressions, a later one after them.
  await until('both impressions and the click', () => site.named('Slot Viewed').length >= 2 && site.named('Slot Clicked').length >= 1);
  assert.deepEqual(site.named('Slot Viewed').map(({ properties }) => properties.offer).sort(), ['drawn', 'spring']);
  assert.deepEqual(site.named('Slot Clicked').map(({ properties }) => properties.offer), ['drawn']);
  assert.equal(site.asked.length, 0);
});

scene('a visitor is linked to another origin of the site by the clicked link, and by no other', async ({ site, page }) => {
  const sister = site.url.replace('127.0.0.1', 'localhost');
  site.settings.origins = [sister];
  site.page('/', { body: `<a id="s" href="${sister}/there?a=1">Sister</a> <a id="o" href="https://other.example/">Other</a>` }).page('/there');
  site.collect = ({ linking, link }) => ({ status: 204, answer: { ...(linking && { link: 't0k.en' }), ...(link && { visitor: 'cd'.repeat(16) }) } });
  await page.goto(site.url);
  await until('the settings', async () => (await stored(page)).includes('ashna.k1.site'));
  await page.hover('#o');
  const answered = page.waitForEvent('requestfinished', (request) => request.postDataJSON()?.linking);
  await page.hover('#s');
  await (await (await answered).response()).finished();
  // The page has processed the answer once it has run the code that awaited it.
  await lived(page, 0);
  await page.click('#s');
  await page.waitForURL(`${sister}/there?a=1`);
  await until('the view there', () => site.posts.some(({ link }) => link));
  const { link, context } = site.posts.find(({ link }) => link);
  assert.deepEqual(link, { token: 't0k.en', referrer: site.url + '/' });
  assert.equal(context.page.url, `${sister}/there?a=1`, 'the address is clean again');
  await until('the adoption', () => page.evaluate(() => /^"(cd){16}"$/.test(localStorage['ashna.k1.id'])));
  await page.goto(`${sister}/there?_ashna=f0rged`);
  await page.waitForURL(`${sister}/there`);
  await until('a view without it', () => site.posts.filter(({ link, events }) => !link && events.some(({ type }) => type === 'view')).length >= 2);
  assert.equal(site.posts.filter(({ link }) => link).length, 1, 'who is known already is not carried');
});

scene('a browser that opened the ignore link is left out until it opens the other one', async ({ site, page }) => {
  site.page('/');
  await page.goto(site.url + '/?a=1&ashna_ignore=1');
  await ready(page);
  await page.evaluate(() => ashna.track('Hidden', {}));
  await page.goto(site.url + '/');
  await ready(page);
  await page.evaluate(() => ashna.track('Hidden', {}));
  await quiet(page);
  assert.equal(site.events.length, 0);
  assert.deepEqual(await stored(page), ['ashna.k1.count']);
  await page.goto(site.url + '/?ashna_ignore=0&a=1');
  await until('the view', () => site.events.length === 1);
  await until('the address without it', () => !page.url().includes('ashna_ignore'));
  assert.ok(page.url().includes('a=1'), page.url());
});

play();

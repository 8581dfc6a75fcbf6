import assert from 'node:assert/strict';
import { play, scene } from './browser.mjs';
import { quiet, until } from './site.mjs';

const loaded = async ({ site, page }, path = '/') => {
  await page.goto(site.url + path);
  await page.waitForFunction(() => window.ashna?.track);
};

/** The page and its first view, so that what follows is the test's own. */
const opened = async ({ site, page }, parts) => {
  site.page('/', parts);
  await loaded({ site, page });
  await until('the first view', () => site.posts.length >= 1);
};

const idsOf = (events) => events.map(({ messageId }) => messageId);

scene('events of the same moment are sent in one batch', async ({ site, page }) => {
  await opened({ site, page });
  await page.evaluate(() => {
    for (let n = 0; n < 5; n++) ashna.track('Step', { n });
  });
  await until('the batch', () => site.named('Step').length === 5);
  assert.equal(site.posts.length, 2);
  assert.deepEqual(site.named('Step').map(({ properties }) => properties.n), [0, 1, 2, 3, 4]);
  assert.equal(new Set(idsOf(site.events)).size, 6);
});

scene('twenty events do not wait for the idle delay', async ({ site, page }) => {
  await opened({ site, page });
  await page.evaluate(() => {
    for (let n = 0; n < 20; n++) ashna.track('Step', { n });
    setTimeout(() => ashna.track('Step', { n: 20 }), 100);
  });
  await until('all of them', () => site.named('Step').length === 21);
  assert.deepEqual(site.posts.map(({ events }) => events.length), [1, 20, 1]);
});

scene('queued events are sent with a beacon when the page is left', async ({ site, page }) => {
  site.page('/next');
  await opened({ site, page });
  await until('the answer', () => page.evaluate(() => !!localStorage['ashna.k1.site']));
  await page.evaluate(() => {
    const send = navigator.sendBeacon.bind(navigator);
    navigator.sendBeacon = (...args) => (localStorage.beacons = 1 + +(localStorage.beacons || 0)) && send(...args);
    addEventListener('beforeunload', () => ashna.track('Left', {}));
    location.href = '/next';
  });
  await until('the last event', () => site.named('Left').length === 1);
  await page.waitForURL('**/next');
  assert.equal(await page.evaluate(() => localStorage.beacons), '1');
  await until('the next view', () => site.named('view').length === 2);
  assert.equal(site.events.length, 3, 'nothing was sent twice');
});

scene('queued events are sent when the tab is closed', async ({ site, page }) => {
  await opened({ site, page });
  await page.evaluate(() => ashna.track('Closed', {}));
  await page.close({ runBeforeUnload: true });
  await until('the last event', () => site.named('Closed').length === 1);
});

scene('without beacons a keepalive fetch is used', async ({ site, page }) => {
  await opened({ site, page });
  site.pages['/elsewhere'] = '<!doctype html><p>No tracker here</p>';
  await page.evaluate(() => {
    navigator.sendBeacon = undefined;
    ashna.track('Left', {});
  });
  // Not by closing the tab: a busy browser then ends the page together with its fetch.
  await page.goto(site.url + '/elsewhere');
  await until('the last event', () => site.named('Left').length === 1);
});

scene('a busy server gets a retry after its Retry-After, with the same ids', async ({ site, page }) => {
  site.collect = (_, nth) => (nth === 0 ? { status: 503, headers: { 'retry-after': '2' } } : { status: 204 });
  site.page('/');
  await loaded({ site, page });
  await until('the retry', () => site.posts.length === 2);
  const [refused, taken] = site.posts;
  assert.deepEqual(idsOf(taken.events), idsOf(refused.events));
  assert.ok(taken.at - refused.at >= 1990, `came back after ${taken.at - refused.at} ms`);
});

scene('no event is lost while the server is down', async ({ site, page }) => {
  site.collect = () => ({ drop: true });
  site.page('/');
  await loaded({ site, page });
  await page.evaluate(() => ashna.track('While down', {}));
  await until('two failed attempts', () => site.posts.length >= 2);
  const first = site.posts[0].events[0].messageId;
  site.collect = () => ({ status: 204 });
  await until('both events', () => site.events.length === 2);
  assert.ok(idsOf(site.events).includes(first));
  await until('an empty box', () => page.evaluate(() => !Object.keys(localStorage).some((name) => name.includes('queue'))));
});

scene('unsent events of a page are sent by the next one', async ({ site, page, context }) => {
  site.collect = () => ({ drop: true });
  site.page('/', { tag: 'data-consent="granted"' });
  await loaded({ site, page });
  await page.evaluate(() => ashna.track('Left behind', {}));
  await until('a failed attempt with it', () => site.posts.some(({ events }) => events.some(({ event }) => event === 'Left behind')));
  const lost = new Set(site.posts.flatMap(({ events }) => idsOf(events)));
  await page.close({ runBeforeUnload: true });
  site.collect = () => ({ status: 204 });
  site.page('/later', { tag: 'data-consent="granted"' });
  const later = await context.newPage();
  await loaded({ site, page: later }, '/later');
  await until('old and new', () => site.events.length >= 3);
  for (const id of lost) assert.ok(idsOf(site.events).includes(id));
  const left = site.named('Left behind')[0];
  assert.equal(left.page.url, site.url + '/', 'it still belongs to the page where it happened');
});

scene('a page closed while its batch is in flight leaves it to the next page', async ({ site, page, context }) => {
  site.collect = () => ({ hang: true });
  await opened({ site, page }, { tag: 'data-consent="granted"' });
  const [view] = site.posts[0].events;
  await page.close({ runBeforeUnload: true });
  site.collect = () => ({ status: 204 });
  await loaded({ site, page: await context.newPage() });
  await until('old and new', () => site.events.length === 2);
  assert.ok(idsOf(site.events).includes(view.messageId));
});

scene(
  'what was tried a day ago is not tried again, what never was goes at any age',
  async ({ site, page }) => {
    await opened({ site, page }, { tag: 'data-consent="granted"' });
    await until('the others', () => site.events.length >= 3);
    await quiet(page);
    assert.deepEqual(site.events.map(({ event, type }) => event || type).sort(), ['Never tried', 'Tried today', 'view']);
    assert.deepEqual(await page.evaluate(() => Object.keys(localStorage).filter((name) => name.includes('queue'))), []);
  },
  {
    prepare: () => {
      if (origin === 'null' || localStorage.planted) return;
      localStorage.planted = 1;
      const hours = (n) => Date.now() - n * 3_600_000;
      const left = (event, tried) => ({ event: { type: 'track', event, messageId: event, timestamp: hours(100), context: { page: { url: 'x' } } }, tried });
      localStorage['ashna.k1.queue.old'] = JSON.stringify([
        left('Tried yesterday', hours(23.1)),
        left('Tried today', hours(22.9)),
        left('Never tried'),
      ]);
    },
  },
);

scene('events recorded offline are sent when the network is back', async ({ site, page, context }) => {
  await opened({ site, page });
  await context.setOffline(true);
  await page.evaluate(() => ashna.track('Underground', {}));
  await until('a failed attempt', () => page.evaluate(() => Object.keys(localStorage).some((name) => name.includes('queue'))));
  await context.setOffline(false);
  await until('the event', () => site.named('Underground').length === 1);
});

scene('two tabs are one visitor', async ({ site, page, context }) => {
  await opened({ site, page });
  await until('a kept id', () => page.evaluate(() => !!localStorage['ashna.k1.id']));
  await loaded({ site, page: await context.newPage() });
  await until('both views', () => site.posts.length === 2);
  assert.equal(site.posts[1].visitor, site.posts[0].visitor);
});

scene('queued events keep their visitor after a reset', async ({ site, page }) => {
  site.collect = () => ({ drop: true });
  await opened({ site, page });
  const old = site.posts[0].visitor;
  await page.evaluate(() => {
    ashna.identify('u-1');
    ashna.reset();
    ashna.track('Someone else', {});
  });
  site.collect = () => ({ status: 204 });
  // After failures a beacon is sent in addition to the retry: one of them may arrive twice, with the same id.
  await until('all three', () => new Set(idsOf(site.events)).size === 3);
  const senderOf = (name) =>
    site.posts.find(({ status, events }) => status && events.some(({ type, event }) => name === type || name === event)).visitor;
  assert.equal(senderOf('identify'), old);
  assert.match(senderOf('Someone else'), /^[0-9a-f]{32}$/);
  assert.notEqual(senderOf('Someone else'), old);
});

scene('a final response is not retried', async ({ site, page }) => {
  site.collect = () => ({ status: 400 });
  await opened({ site, page });
  await page.evaluate(() => ashna.track('Refused', {}));
  await until('the second post', () => site.posts.length === 2);
  await page.evaluate(() => ashna.track('Later', {}));
  await until('the third post', () => site.posts.length === 3);
  assert.deepEqual(site.posts.map(({ events }) => events.map(({ event, type }) => event || type)), [['view'], ['Refused'], ['Later']]);
});

scene('the queue keeps the newest two hundred and bodies stay small', async ({ site, page }) => {
  site.collect = () => ({ status: 503, headers: { 'retry-after': '2' } });
  await opened({ site, page });
  await page.evaluate(() => {
    const text = 'ü'.repeat(1000);
    for (let n = 0; n < 300; n++) ashna.track('Flood', { n, text });
    ashna.track('Monster', { text: 'x'.repeat(40_000) });
  });
  site.collect = () => ({ status: 204 });
  await until('the flood', () => site.named('Flood').some(({ properties }) => properties.n === 299), 60_000);
  const numbers = site.named('Flood').map(({ properties }) => properties.n);
  assert.equal(new Set(numbers).size, numbers.length, 'none twice');
  assert.equal(numbers.length, 200);
  assert.equal(Math.min(...numbers), 100);
  assert.equal(site.named('Monster').length, 0);
  for (const { size } of site.posts) assert.ok(size <= 61_440, `a body of ${size} bytes`);
});

scene(
  'with storage refused everything still arrives',
  async ({ site, page }) => {
    await opened({ site, page });
    await page.evaluate(() => ashna.track('Unstored', {}));
    await until('the event', () => site.named('Unstored').length === 1);
    assert.match(site.posts[0].visitor, /^[0-9a-f]{32}$/);
    assert.equal(site.posts[1].visitor, site.posts[0].visitor, 'one id while the page lives');
  },
  {
    prepare: () =>
      Object.defineProperty(window, 'localStorage', {
        get() {
          throw new DOMException('refused', 'SecurityError');
        },
      }),
  },
);

scene('the id that the server assigns is used', async ({ site, page }) => {
  const settled = 'ab'.repeat(16);
  site.collect = (_, nth) => (nth === 0 ? { status: 200, answer: { visitor: settled } } : { status: 204 });
  await opened({ site, page });
  await until('the adoption', () => page.evaluate((id) => localStorage['ashna.k1.id'] === JSON.stringify(id), settled));
  await page.evaluate(() => ashna.track('Next', {}));
  await until('the event', () => site.named('Next').length === 1);
  assert.equal(site.posts[1].visitor, settled);
});

play();

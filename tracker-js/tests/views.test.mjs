import assert from 'node:assert/strict';
import { play, scene } from './browser.mjs';
import { quiet, until } from './site.mjs';

scene('the first page view is sent promptly with page and device', async ({ site, page }) => {
  site.page('/', { title: 'Home' });
  await page.goto(site.url + '/?utm_source=letter', { referer: 'https://search.example/' });
  await until('a page view', () => site.named('view').length === 1);
  const [post] = site.posts;
  assert.equal(post.key, 'k1');
  assert.match(post.visitor, /^[0-9a-f]{32}$/);
  assert.match(post.type, /^text\/plain/);
  assert.deepEqual(post.consent, {}, 'no choice was made: the site setting applies');
  assert.deepEqual(post.context.page, {
    url: site.url + '/?utm_source=letter',
    title: 'Home',
    referrer: 'https://search.example/',
  });
  assert.match(post.context.library.version, /^\d+\.\d+\.\d+$/);
  assert.deepEqual(post.context.screen, { width: 1000, height: 700 });
  assert.equal(post.context.timezone, await page.evaluate(() => Intl.DateTimeFormat().resolvedOptions().timeZone));
  const hints = await page.evaluate(() => JSON.parse(JSON.stringify(navigator.userAgentData)));
  assert.deepEqual(post.context.userAgentData, hints);
  assert.equal(typeof hints.mobile, 'boolean');
  assert.equal(post.context.webdriver, undefined, 'said only by a browser that is driven');
});

scene('single-page navigation creates views, rewriting the same address does not', async ({ site, page }) => {
  site.page('/');
  await page.goto(site.url);
  await page.waitForFunction(() => window.ashna?.track);
  await page.evaluate(() => {
    history.replaceState({ scroll: 1 }, '', location.href);
    history.pushState({}, '', '/a');
    document.title = 'A, drawn later';
    history.pushState({}, '', '/a');
    history.replaceState({}, '', '/b');
    location.hash = 'part';
    for (let n = 0; n < 50; n++) history.replaceState({}, '', `?width=${n}`);
    location.hash = '/route';
  });
  await until('four views', () => site.named('view').length === 4);
  await page.evaluate(() => history.pushState({}, '', '/last'));
  await until('the last view', () => site.named('view').length === 5);
  const views = site.named('view').map(({ page: { url, referrer } }) => [url, referrer].map((u) => u.replace(site.url, '')));
  assert.deepEqual(views, [
    ['/', ''],
    ['/a', '/'],
    ['/b', '/a'],
    ['/b?width=49#/route', '/b?width=49'],
    ['/last', '/b?width=49#/route'],
  ]);
});

scene('a virtual view has the title that the page sets afterwards', async ({ site, page }) => {
  site.page('/');
  await page.goto(site.url);
  await until('the first view', () => site.named('view').length === 1);
  await page.evaluate(() => {
    history.pushState({}, '', '/late');
    setTimeout(() => (document.title = 'Drawn later'), 50);
  });
  await until('the second view', () => site.named('view').length === 2);
  assert.equal(site.named('view')[1].page.title, 'Drawn later');
});

scene('a page restored from the back-forward cache is viewed again', async ({ site, page }) => {
  site.page('/').page('/next');
  await page.goto(site.url + '/');
  await until('the first view', () => site.named('view').length === 1);
  await page.evaluate(() => {
    window.kept = true;
    location.href = '/next';
  });
  await until('the next view', () => site.named('view').length === 2);
  await page.evaluate(() => history.back());
  await until('the view of the restored page', () => site.named('view').length === 3);
  assert.equal(site.named('view')[2].page.url, site.url + '/');
  assert.equal(await page.evaluate(() => window.kept), true, 'the page came from the cache');
});

scene('a visitor keeps the id over pages', async ({ site, page }) => {
  site.page('/').page('/next');
  await page.goto(site.url + '/');
  // An id is stored once the answer allows it, which arrives after the request.
  await until('a kept id', () => page.evaluate(() => !!localStorage['ashna.k1.id']));
  await page.goto(site.url + '/next');
  await until('the second view', () => site.posts.length === 2);
  const [one, two] = site.posts;
  assert.equal(two.visitor, one.visitor);
  assert.equal(two.context.page.referrer, '', 'opened by address');
});

scene('a prerendered page is viewed only when it is shown', async ({ site, page }) => {
  site.page('/');
  await page.addInitScript(() => {
    let asleep = true;
    Object.defineProperty(Document.prototype, 'prerendering', { get: () => asleep });
    window.show = () => {
      asleep = false;
      document.dispatchEvent(new Event('prerenderingchange'));
    };
  });
  await page.goto(site.url);
  await page.waitForFunction(() => window.ashna?.track);
  await quiet(page);
  assert.equal(site.posts.length, 0);
  await page.evaluate(() => window.show());
  await until('the view', () => site.named('view').length === 1);
});

play();

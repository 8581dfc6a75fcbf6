import assert from 'node:assert/strict';
import { play, scene } from './browser.mjs';
import { lived, quiet, until } from './site.mjs';

const EVERYTHING = ['view', 'engage', 'vitals', 'click', 'rage', 'input', 'submit', 'abandon', 'error', 'play', 'pause', 'ended', 'copy', 'gtag'];

/** A page whose tracker has received the site's settings. */
const opened = async ({ site, page }, parts, on = EVERYTHING) => {
  site.settings.on = on;
  site.page('/', parts).page('/next', parts);
  await page.goto(site.url);
  await until('the settings', () => page.evaluate(() => !!localStorage['ashna.k1.site']));
};

const facts = (events) => events.map(({ properties }) => properties);

scene('clicks on links and buttons, each once', async ({ site, page }) => {
  await opened({ site, page }, {
    body: `<a id="out" href="https://other.example/a?b=1" onclick="event.preventDefault()"> Elsewhere <b>now</b></a>
      <button name="size" value="secret">XL</button> <p>Nothing</p>
      <button data-ashna-event="Chosen" data-ashna-props='{"size":"XL"}'>Declared</button>`,
  });
  await page.click('b');
  await page.click('[name=size]');
  await page.click('p');
  await page.click('[data-ashna-event]');
  await until('the last', () => site.named('Chosen').length === 1);
  assert.deepEqual(facts(site.named('click')), [
    { localName: 'a', id: 'out', href: 'https://other.example/a?b=1', text: 'Elsewhere now' },
    { localName: 'button', name: 'size', text: 'XL' },
  ]);
  assert.deepEqual(facts(site.named('Chosen')), [{ size: 'XL' }]);
});

scene('a form started, submitted and abandoned, without its values', async ({ site, page }) => {
  await opened({ site, page }, {
    body: `<form id="f" name="letter" action="/next"><input name="email"><input name="id"><button>Go</button></form>
      <form id="g"><input name="note"></form>`,
  });
  await page.fill('[name=email]', 'secret@shop.example');
  await page.fill('[name=id]', 'secret');
  await page.fill('[name=note]', 'secret');
  await page.click('button');
  await page.waitForURL('**/next**');
  await until('what was left', () => site.named('abandon').length === 1);
  assert.deepEqual(facts(site.named('input')), [
    { name: 'letter', action: site.url + '/next', field: 'email' },
    { id: 'g', action: site.url + '/', field: 'note' },
  ]);
  assert.deepEqual(facts(site.named('submit')), [{ name: 'letter', action: site.url + '/next' }]);
  assert.deepEqual(facts(site.named('abandon')), [{ id: 'g', action: site.url + '/', field: 'note' }]);
  assert.ok(!JSON.stringify(site.events.map(({ properties }) => properties)).includes('secret'));
});

scene('rage clicks are captured once, text selection is not', async ({ site, page }) => {
  await opened({ site, page }, { body: '<div id="dead" style="height:50px"></div><p>some words</p>' });
  await page.click('p', { clickCount: 3 });
  await page.click('#dead', { clickCount: 5 });
  await until('the rage', () => site.named('rage').length === 1);
  await quiet(page);
  assert.deepEqual(facts(site.named('rage')), [{ localName: 'div', id: 'dead' }]);
});

scene('script errors, each once; missing images are not errors', async ({ site, page }) => {
  site.silent = true;
  await opened({ site, page }, { body: '<img src="/none.png">' });
  await page.evaluate(() => {
    for (let n = 0; n < 3; n++) dispatchEvent(new ErrorEvent('error', { message: 'Oh', filename: 'a.js', lineno: 7, colno: 9 }));
    dispatchEvent(Object.assign(new Event('unhandledrejection'), { reason: new Error('No') }));
    for (let n = 0; n < 30; n++) dispatchEvent(new ErrorEvent('error', { message: 'Flood ' + n }));
  });
  await until('the errors', () => site.named('error').length >= 10);
  await quiet(page);
  const errors = facts(site.named('error'));
  assert.deepEqual(errors.slice(0, 2), [{ message: 'Oh', filename: 'a.js', lineno: 7, colno: 9 }, { message: 'No' }]);
  assert.equal(errors.length, 10);
});

scene('engagement and vitals are sent when the page is left, and engagement at each view', async ({ site, page }) => {
  await opened({ site, page }, { body: '<h1>Words</h1><div style="height:3000px"></div>' });
  await lived(page, 1100);
  await page.mouse.wheel(0, 700);
  await page.waitForFunction(() => scrollY === 700);
  await page.evaluate(() => history.pushState({}, '', '/inner'));
  await until('the first part', () => site.named('engage').length === 1);
  const [first] = site.named('engage');
  assert.equal(first.page.url, site.url + '/', 'it belongs to the view that was left');
  const height = await page.evaluate(() => document.documentElement.scrollHeight);
  assert.equal(first.properties.scroll_depth, Math.round((1400 / height) * 100));
  assert.ok(first.properties.engaged_ms >= 1000 && first.properties.engaged_ms < 20_000);
  await lived(page, 1100);
  await page.mouse.move(5, 5);
  await page.goto(site.url + '/next');
  await until('the vitals', () => site.named('vitals').length === 1);
  const { lcp_ms, cls } = site.named('vitals')[0].properties;
  assert.ok(lcp_ms > 0 && cls === 0);
  assert.equal(site.named('engage').at(-1).page.url, site.url + '/inner');
});

scene('video, audio and copied text', async ({ site, page }) => {
  await opened({ site, page }, { body: '<video id="v"></video><audio id="a"></audio><video id="w" loop></video><p>copied</p>' });
  await page.evaluate(() => {
    const play = (id, type, ended) => {
      const medium = document.getElementById(id);
      Object.defineProperty(medium, 'ended', { get: () => ended, configurable: true });
      medium.dispatchEvent(new Event(type));
    };
    play('v', 'play');
    play('v', 'pause');
    play('a', 'play');
    play('a', 'pause', true);
    play('a', 'ended', true);
    play('w', 'play');
    getSelection().selectAllChildren(document.querySelector('p'));
    document.execCommand('copy');
  });
  await until('the copy', () => site.named('copy').length === 1);
  assert.deepEqual(facts(site.named('copy')), [{ length: 6 }]);
  const media = site.events.filter(({ type }) => /play|pause|ended/.test(type)).map(({ type, properties: { id } }) => type + ' ' + id);
  assert.deepEqual(media, ['play v', 'pause v', 'play a', 'ended a']);
});

scene('events of a Google tag are captured, from before and after the start', async ({ site, page }) => {
  await opened({ site, page }, {
    head: `<script>
      window.dataLayer = window.dataLayer || [];
      function gtag() { dataLayer.push(arguments) }
      gtag('js', new Date());
      gtag('config', 'G-1');
      gtag('event', 'early', { n: 1 });
    </script>`,
  });
  const taken = await page.evaluate(() => {
    gtag('event', 'add_to_cart', { value: 12.5, items: [{ item_id: 'p-1' }] });
    dataLayer.push({ event: 'gtm.click', element: document.body });
    return dataLayer.push({ event: 'purchase', ecommerce: { transaction_id: 'o-1' } });
  });
  assert.equal(taken, 6, 'the page sees its own array');
  await until('both', () => site.named('purchase').length === 1);
  assert.deepEqual(facts(site.named('gtag')), [
    { n: 1 },
    { value: 12.5, items: [{ item_id: 'p-1' }] },
    { event: 'purchase', ecommerce: { transaction_id: 'o-1' } },
  ]);
});

scene('the consent command of a Google tag is applied', async ({ site, page }) => {
  site.page('/', {
    head: `<script>
      window.dataLayer = [];
      function gtag() { dataLayer.push(arguments) }
      gtag('consent', 'default', { analytics_storage: 'denied', personalization_storage: 'denied' });
    </script>`,
  });
  await page.goto(site.url);
  await until('the first view', () => site.posts.length === 1);
  assert.deepEqual(site.posts[0].consent, { analytics: false, personalization: false });
  assert.equal(site.posts[0].visitor, undefined);
  await page.evaluate(() => {
    gtag('consent', 'update', { analytics_storage: 'granted' });
    ashna.track('Agreed', {});
  });
  await until('what follows', () => site.named('Agreed').length === 1);
  assert.equal(site.posts.at(-1).consent.analytics, true);
  assert.match(site.posts.at(-1).visitor, /^[0-9a-f]{32}$/);
});

scene('disabled captures are not sent, and none before the settings are known', async ({ site, page }) => {
  site.collect = (post, nth) => (nth === 0 ? { hang: true } : { status: 204 });
  site.settings.on = ['copy'];
  site.page('/', { body: '<button>x</button>' });
  await page.goto(site.url);
  await until('the first view', () => site.posts.length === 1);
  await page.click('button');
  assert.deepEqual(await page.evaluate(() => Object.keys(localStorage)), []);
  await page.reload();
  await until('the settings', () => page.evaluate(() => !!localStorage['ashna.k1.site']));
  await page.click('button');
  await page.evaluate(() => {
    history.pushState({}, '', '/inner');
    ashna.track('Sent', {});
  });
  await until('the event', () => site.named('Sent').length === 1);
  assert.deepEqual(site.events.map(({ type }) => type).filter((type) => type !== 'view'), ['track']);
  assert.ok(!site.named('view').some(({ page: { url } }) => url.endsWith('/inner')));
});

scene('e-commerce events are methods', async ({ site, page }) => {
  await opened({ site, page });
  await page.evaluate(async () => {
    ashna.productAdded({ product_id: 'p-1', price: 12.5 });
    ashna.push(['orderCompleted', { order_id: 'o-1' }]);
    JSON.stringify(ashna);
    await ashna;
  });
  await until('both', () => site.named('orderCompleted').length === 1);
  assert.deepEqual(facts(site.named('productAdded')), [{ product_id: 'p-1', price: 12.5 }]);
  assert.equal(site.named('track').length, 2);
});

play();

import assert from 'node:assert/strict';
import { play, scene } from './browser.mjs';
import { quiet, until } from './site.mjs';

const ready = async ({ site, page }, parts) => {
  site.page('/', parts);
  await page.goto(site.url);
  await page.waitForFunction(() => window.ashna?.track);
};

scene('every call becomes the event that Segment describes', async ({ site, page }) => {
  await ready({ site, page });
  await page.evaluate(() => {
    ashna.track('Product Viewed', { product_id: 'p-1', price: 12.5 });
    ashna.page('Cart', { items: 2 });
    ashna.identify('u-1', { email: 'a@shop.example' }, 'f00d');
    ashna.group('g-1', { plan: 'big' });
    ashna.alias('u-1', 'old');
  });
  await until('all of them', () => site.events.length === 6);
  const sent = site.events.slice(1).map(({ messageId, timestamp, page, context, ...rest }) => rest);
  assert.deepEqual(sent, [
    { type: 'track', event: 'Product Viewed', properties: { product_id: 'p-1', price: 12.5 } },
    { type: 'page', name: 'Cart', properties: { items: 2 } },
    { type: 'identify', userId: 'u-1', traits: { email: 'a@shop.example' }, signature: 'f00d' },
    { type: 'group', groupId: 'g-1', traits: { plan: 'big' } },
    { type: 'alias', userId: 'u-1', previousId: 'old' },
  ]);
});

scene('calls made before the script was loaded are replayed in order', async ({ site, page }) => {
  await ready(
    { site, page },
    {
      head: `<script>
        window.ashna = window.ashna || [];
        ashna.push(['track', 'Early', { n: 1 }]);
        ashna.push(['no such call'], ['track', 'Early', { n: 2 }]);
        ashna.push((ashna) => ashna.track('Early', { n: 3 }));
      </script>`,
    },
  );
  await page.evaluate(() => ashna.push(['track', 'Early', { n: 4 }]));
  await until('all of them', () => site.named('Early').length === 4);
  assert.deepEqual(site.named('Early').map(({ properties }) => properties.n), [1, 2, 3, 4]);
  assert.equal(site.events[0].type, 'view');
});

scene('the global name and the URL of the service can be configured', async ({ site, page }) => {
  site.page('/', { tag: `data-global="shopStats" data-api="${site.url.replace('127.0.0.1', 'localhost')}"` });
  const posted = page.waitForRequest((request) => request.url().startsWith('http://localhost:') && request.url().endsWith('/e'));
  await page.goto(site.url);
  await posted;
  assert.deepEqual(await page.evaluate(() => [typeof window.ashna, typeof shopStats.track]), ['undefined', 'function']);
});

scene('two tags make one tracker', async ({ site, page }) => {
  await ready({ site, page }, { body: '<script async src="/t.js?again" data-key="k1"></script>' });
  await page.waitForLoadState('networkidle');
  await quiet(page);
  assert.equal(site.named('view').length, 1);
});

scene('events declared in the markup are tracked on click', async ({ site, page }) => {
  await ready(
    { site, page },
    {
      body: `<button data-ashna-event="Size Chosen" data-ashna-props='{"size":"XL"}'><b>XL</b></button>
        <i data-ashna-event="Broken" data-ashna-props="{nonsense">x</i>
        <script>document.body.addEventListener('click', (event) => event.stopPropagation(), true)</script>`,
    },
  );
  await page.click('i');
  await page.click('b');
  await until('the event', () => site.named('Size Chosen').length === 1);
  assert.deepEqual(site.named('Size Chosen')[0].properties, { size: 'XL' });
});

scene('invalid calls break neither the page nor other events', async ({ site, page }) => {
  await ready({ site, page });
  await page.evaluate(() => {
    const loop = {};
    loop.loop = loop;
    ashna.track('Loop', loop);
    ashna.track('Number', { n: 1n, plan: 'silver' });
    ashna.push(null, undefined, 7, ['__proto__'], ['push']);
    ashna.consent(null);
    const changed = { n: 1 };
    ashna.track('Good', changed);
    changed.n = 2;
  });
  await until('the good one', () => site.named('Good').length === 1);
  assert.deepEqual(site.named('Good')[0].properties, { n: 1 });
  // Values that are not JSON are left out or sent as strings, and lose no event.
  assert.deepEqual(site.named('Loop')[0].properties, {});
  assert.deepEqual(site.named('Number')[0].properties, { n: '1', plan: 'silver' });
});

scene('old libraries that add a toJSON to arrays do no harm', async ({ site, page }) => {
  site.page('/', {
    head: `<script>Array.prototype.toJSON = function () { return '[' + Array.from(this, (x) => JSON.stringify(x)).join(',') + ']'; };</script>`,
  });
  await page.goto(site.url);
  await until('the view', () => site.posts.length === 1);
  assert.ok(Array.isArray(site.posts[0].events), JSON.stringify(site.posts[0]));
});

scene('the key may be in the URL of the script, and its absence is logged', async ({ site, page }) => {
  const said = [];
  page.on('console', (message) => said.push(message.text()));
  site.pages['/bare'] = '<!doctype html><title>Through a tag manager</title>';
  await page.goto(site.url + '/bare');
  const add = (query) =>
    page.evaluate((src) => {
      const script = document.createElement('script');
      script.src = src;
      document.head.append(script);
    }, '/t.js' + query);
  await add('');
  await until('the warning', () => said.some((text) => text.includes('data-key')));
  await add('?key=k1');
  await until('the view', () => site.posts.length === 1);
  assert.equal(site.posts[0].key, 'k1');
});

scene('reset creates a new visitor and notifies the server', async ({ site, page }) => {
  await ready({ site, page });
  await until('the first view', () => site.posts.length === 1);
  await page.evaluate(() => {
    ashna.reset();
    ashna.track('After', {});
  });
  await until('the event', () => site.named('After').length === 1);
  const [before, after] = site.posts;
  assert.notEqual(after.visitor, before.visitor);
  assert.equal(after.reset, true);
  await page.evaluate(() => ashna.track('Later', {}));
  await until('the next event', () => site.named('Later').length === 1);
  assert.equal(site.posts[2].visitor, after.visitor);
  assert.equal(site.posts[2].reset, undefined);
});

const stored = (page) => page.evaluate(() => Object.keys(localStorage));

scene('denied consent: events are sent without an id and without storage', async ({ site, page }) => {
  await ready({ site, page }, { tag: 'data-consent="denied"', body: '<div data-ashna-slot="hero">Default</div>' });
  await page.evaluate(() => ashna.track('Anonymous', {}));
  await until('the event', () => site.named('Anonymous').length === 1);
  await until('the decision', () => site.asked.length === 1);
  for (const message of [...site.posts, ...site.asked]) {
    assert.equal(message.visitor, undefined);
    assert.deepEqual(message.consent, { analytics: false, personalization: false });
  }
  assert.deepEqual(await stored(page), []);
  assert.deepEqual(await page.evaluate(() => document.cookie), '');
});

scene('granted consent is stored, and revoking it clears storage', async ({ site, page }) => {
  await ready({ site, page }, { tag: 'data-consent="denied"' });
  await until('the first view', () => site.posts.length === 1);
  await page.evaluate(() => {
    ashna.consent({ analytics: true });
    ashna.track('Known', {});
  });
  await until('the event', () => site.named('Known').length === 1);
  assert.match(site.posts[1].visitor, /^[0-9a-f]{32}$/);
  await page.reload();
  await until('the view after it', () => site.posts.length === 3);
  assert.equal(site.posts[2].visitor, site.posts[1].visitor);
  await page.waitForFunction(() => window.ashna?.track);
  await page.evaluate(() => ashna.consent({ analytics: false }));
  await page.evaluate(() => ashna.track('Unknown', {}));
  await until('the last event', () => site.named('Unknown').length === 1);
  assert.equal(site.posts[3].visitor, undefined);
  assert.deepEqual(await stored(page), ['ashna.k1.choice']);
});

scene('a queued refusal applies to the first view already', async ({ site, page }) => {
  await ready(
    { site, page },
    { head: `<script>window.ashna = [['track', 'Early'], ['consent', { analytics: false, personalization: false }]]</script>` },
  );
  await until('both events', () => site.events.length === 2);
  for (const post of site.posts) assert.equal(post.visitor, undefined);
});

for (const [signal, value] of [
  ['globalPrivacyControl', true],
  ['doNotTrack', '1'],
]) {
  scene(
    `a browser that says ${signal} outweighs the page`,
    async ({ site, page }) => {
      await ready({ site, page });
      await page.evaluate(() => {
        ashna.consent({ analytics: true, personalization: true });
        ashna.track('Anonymous', {});
      });
      await until('the event', () => site.named('Anonymous').length === 1);
      for (const post of site.posts) assert.equal(post.visitor, undefined);
      assert.deepEqual((await stored(page)).filter((name) => name !== 'ashna.k1.choice'), []);
    },
    {
      prepare: `Object.defineProperty(Navigator.prototype, '${signal}', { get: () => ${JSON.stringify(value)} })`,
    },
  );
}

play();

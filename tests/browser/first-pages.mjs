// Measures how many first pages of a visit are personalized: cold cache, cold connections, the snippet that the
// dashboard shows. `node first-pages.mjs` prints one table row per placement and round trip; it asserts nothing.
//
// LOADS=20            loads per row, each in a new browser profile
// ROUND_TRIPS=0,30,85,150  milliseconds
// PLACEMENTS=other,own     the service on another host, or under a path of the shop's own
// STYLE=FILE          another hiding style than the dashboard's
// TAG=FILE            another script tag; {{HOST}} and {{KEY}} are replaced

import { build } from 'esbuild';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, request as send } from 'node:http';
import { connect, createServer as createTcpServer } from 'node:net';
import { launch, visitor } from './browser.mjs';
import { startService } from './service.mjs';

const list = (text) => text.split(',');
const LOADS = Number(process.env.LOADS ?? 20);
const ROUND_TRIPS = list(process.env.ROUND_TRIPS ?? '0,30,85,150').map(Number);
const PLACEMENTS = list(process.env.PLACEMENTS ?? 'other,own');

// A new connection costs one round trip for TCP and one for TLS 1.3 before its first request.
const HANDSHAKES = 2;
// A page whose slots are unsettled by then counts as hung.
const SETTLE_MAX_MS = 8000;
// After the slots are settled: long enough to see a default replaced by a late answer.
const WATCHED_MS = 500;

/** Delays each direction of every connection by half a round trip, and its first bytes by the handshakes. */
class Link {
  sockets = new Set();
  roundTripMs = 0;

  static async to(port) {
    const link = new Link();
    link.server = createTcpServer((client) => {
      const opened = Date.now();
      const server = connect(port, '127.0.0.1');
      for (const socket of [client, server]) {
        socket.setNoDelay(true);
        link.sockets.add(socket);
        socket.on('error', () => {});
        socket.on('close', () => link.sockets.delete(socket));
      }
      link.forward(client, server, opened + HANDSHAKES * link.roundTripMs);
      link.forward(server, client, 0);
    });
    link.server.listen(0, '127.0.0.1');
    await once(link.server, 'listening');
    link.port = link.server.address().port;
    return link;
  }

  forward(from, to, earliest) {
    let sent = Promise.resolve();
    const later = (deliver) => {
      const due = Math.max(Date.now(), earliest) + this.roundTripMs / 2;
      sent = sent.then(async () => {
        const wait = due - Date.now();
        if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
        deliver();
      });
    };
    from.on('data', (bytes) => later(() => to.write(bytes)));
    from.on('end', () => later(() => to.end()));
    from.on('close', () => later(() => to.destroy()));
  }

  close() {
    this.sockets.forEach((socket) => socket.destroy());
    this.server.close();
  }
}

const STYLE_SHEET = `body { margin: 0; font: 16px/1.5 sans-serif } .hero { min-height: 240px; display: flow-root }
  .row { min-height: 180px; display: flow-root } ${'/* as long as a small shop\'s style sheet */'.repeat(200)}`;

const BODY = `<header><h1>A shop</h1><img src="/logo.svg" alt="" width="40" height="40"></header>
  <div class="hero" data-ashna-slot="home-hero"><p>Default</p><template><h2 data-ashna-text="title"></h2><p data-ashna-text="text"></p></template></div>
  <p>Between the slots</p>
  <div class="row" data-ashna-slot="home-row"><p>Default</p><template><h2 data-ashna-text="title"></h2></template></div>
  <p>Below the slots</p>${[1, 2, 3, 4, 5, 6].map((n) => `<img src="/picture-${n}.svg" alt="" width="100" height="100">`).join('')}
  <script src="/shop.js" defer></script>`;

/** The shop: a page with a style sheet, a script and images; `/stats/` leads to the service. */
async function openShop(servicePort) {
  const shop = createServer((request, response) => {
    const { pathname } = new URL(request.url, 'http://shop');
    const answer = (type, body) => response.writeHead(200, { 'content-type': type, 'cache-control': 'max-age=600' }).end(body);
    if (pathname.startsWith('/stats/')) {
      const path = request.url.slice('/stats'.length);
      const onward = send({ host: '127.0.0.1', port: servicePort, path, method: request.method, headers: request.headers }, (reply) => {
        response.writeHead(reply.statusCode, reply.headers);
        reply.pipe(response);
      });
      onward.on('error', () => response.destroy());
      return request.pipe(onward);
    }
    if (pathname === '/') return answer('text/html; charset=utf-8', shop.page);
    if (pathname === '/shop.css') return answer('text/css', STYLE_SHEET);
    if (pathname === '/shop.js') return answer('text/javascript', 'document.title += "!"');
    return answer('image/svg+xml', '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><path d="M0 0h1v1z"/></svg>');
  });
  shop.listen(0, '127.0.0.1');
  await once(shop, 'listening');
  return shop;
}

/** The snippet as the dashboard shows it for a service at `host`. */
async function snippetOf(host, key) {
  const entry = new URL('../../dashboard/src/parts/snippet.ts', import.meta.url).pathname;
  const { outputFiles } = await build({ entryPoints: [entry], bundle: true, write: false, format: 'esm' });
  const { trackerSnippet, ANTI_FLICKER } = await import(`data:text/javascript,${encodeURIComponent(outputFiles[0].text)}`);
  globalThis.location = { origin: host };
  const tag = process.env.TAG
    ? (await readFile(process.env.TAG, 'utf8')).replaceAll('{{HOST}}', host).replaceAll('{{KEY}}', key)
    : trackerSnippet({ write_key: key });
  const style = process.env.STYLE ? await readFile(process.env.STYLE, 'utf8') : ANTI_FLICKER;
  return `${tag}\n${style}`;
}

/** A site for the shop's origin with one offer for everyone in each slot. */
async function addSite(service, origin) {
  const site = await service.addSite(origin);
  const { site_id: id } = site;
  let cookie = '';
  const post = async (path, body) => {
    const headers = { 'content-type': 'application/json', origin: service.base, cookie };
    const reply = await fetch(service.base + path, { method: 'POST', headers, body: JSON.stringify(body) });
    if (!reply.ok) throw new Error(`${path}: ${reply.status} ${await reply.text()}`);
    cookie = reply.headers.getSetCookie().map((line) => line.split(';')[0]).join('; ') || cookie;
  };
  const token = service.setupLink.split('token=')[1];
  await post('/api/v1/setup', { token, email: 'owner@shop.example', password: 'a long enough password' });
  for (const slot of ['home-hero', 'home-row']) {
    const content = { title: 'Decided', text: 'For you' };
    await post(`/api/v1/sites/${id}/offers`, { id: `${slot}-all`, name: slot, slot, priority: 1, enabled: true, when: {}, content });
  }
  return site.write_key;
}

/** Runs in the page before its scripts: which text of each slot a frame could show, and when. */
function watchSlots() {
  const seen = (window.seen = {});
  const outcomes = (window.outcomes = {});
  window.shift = 0;
  const look = () => {
    for (const slot of document.querySelectorAll('[data-ashna-slot]')) {
      const shown = getComputedStyle(slot).visibility === 'visible' ? slot.innerText.trim().split('\n')[0] : '';
      const texts = (seen[slot.dataset.ashnaSlot] ??= []);
      if (shown && texts.at(-1)?.shown !== shown) texts.push({ shown, at: performance.now() });
    }
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
  addEventListener('ashna:decision', ({ detail }) => (outcomes[detail.slot] = { state: detail.state, at: performance.now() }), true);
  new PerformanceObserver((entries) => entries.getEntries().forEach(({ value }) => (window.shift += value))).observe({
    type: 'layout-shift',
    buffered: true,
  });
}

async function loadOnce(browser, url) {
  const page = await visitor(browser);
  try {
    await page.addInitScript(watchSlots);
    await page.goto(url);
    const hung = await page
      .waitForFunction(() => Object.keys(outcomes).length === 2 && Object.values(seen).every((texts) => texts[0]), null, { timeout: SETTLE_MAX_MS })
      .then(() => false, () => true);
    await page.waitForTimeout(WATCHED_MS);
    const result = await page.evaluate(() => ({
      seen,
      outcomes,
      shift,
      painted: performance.getEntriesByName('first-contentful-paint')[0]?.startTime,
    }));
    if (page.errors.length) throw new Error(page.errors.join('; '));
    const texts = Object.values(result.seen);
    return {
      hung,
      shift: result.shift,
      filled: !hung && Object.values(result.outcomes).every(({ state }) => state === 'filled'),
      // A frame showed the default, a later one something else.
      replaced: texts.some((shown) => shown.length > 1),
      painted: result.painted,
      shownAt: Math.max(...texts.map((shown) => shown[0]?.at ?? Infinity)),
    };
  } finally {
    await page.context().close();
  }
}

const quantile = (figures, share) => figures.toSorted((a, b) => a - b)[Math.min(figures.length - 1, Math.floor(figures.length * share))];
const ms = (figures, share = 0.5) => (figures.length ? String(Math.round(quantile(figures, share))) : '–');

const COLUMNS = ['service', 'round trip', 'filled', 'default replaced', 'greatest shift', 'first paint', 'filled at', 'hidden after paint', 'most'];
const row = (cells) => console.log(`| ${cells.join(' | ')} |`);

const service = await startService({ demo: false });
const links = [];
let browser;
let shop;
try {
  const servicePort = Number(new URL(service.base).port);
  shop = await openShop(servicePort);
  links.push(await Link.to(shop.address().port), await Link.to(servicePort));
  const [toShop, toService] = links;
  const url = `http://shop.localhost:${toShop.port}/`;
  const hosts = { other: `http://stats.localhost:${toService.port}`, own: `${url}stats` };
  const key = await addSite(service, new URL(url).origin);
  browser = await launch();
  row(COLUMNS);
  row(COLUMNS.map(() => '---'));
  for (const placement of PLACEMENTS) {
    const snippet = await snippetOf(hosts[placement], key);
    shop.page = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Shop</title>\n${snippet}
<link rel="stylesheet" href="/shop.css"></head><body>${BODY}</body></html>`;
    for (const roundTripMs of ROUND_TRIPS) {
      links.forEach((link) => (link.roundTripMs = roundTripMs));
      // The first load of a row warms up the browser's processes, not its cache, and is not counted.
      await loadOnce(browser, url);
      const loads = [];
      for (let n = 0; n < LOADS; n++) loads.push(await loadOnce(browser, url));
      const hung = loads.filter((load) => load.hung).length;
      const filled = loads.filter((load) => load.filled);
      row([
        placement === 'own' ? 'own host' : 'other host',
        `${roundTripMs} ms`,
        `${filled.length} of ${LOADS}${hung ? `, ${hung} hung` : ''}`,
        loads.filter((load) => load.replaced).length,
        Math.max(...loads.map((load) => load.shift)),
        ms(loads.map((load) => load.painted)),
        ms(filled.map((load) => load.shownAt)),
        ms(loads.map((load) => load.shownAt - load.painted)),
        ms(loads.map((load) => load.shownAt - load.painted), 1),
      ]);
    }
  }
} finally {
  await browser?.close();
  links.forEach((link) => link.close());
  shop?.closeAllConnections();
  shop?.close();
  await service.stop();
}

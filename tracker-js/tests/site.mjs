// A small site on its own port: serves pages with the tracker's tag, records requests to /e and /v1/decide, and answers
// them as the test specifies.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

const built = (file) => readFileSync(new URL(`../dist/${file}`, import.meta.url), 'utf8');
const script = built('t.js');
const style = built('snippet.css.txt');

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

async function bodyOf(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

export class Site {
  /** What each route answers; a test replaces what it needs. */
  pages = {};
  collect = () => ({ status: 204 });
  /** Site settings; sent to trackers that have another version. */
  settings = { v: 'v1', consent: true, gpc: true, keep: true, on: ['view'] };
  decide = () => ({ decisions: {} });
  decideDelayMs = 0;
  scriptServed = true;
  scriptDelayMs = 0;
  /** Where this stands in a page, the rest of it comes only once `goOn` is settled. */
  halt = '<!--halt-->';
  goOn = Promise.resolve();
  posts = [];
  asked = [];

  static async open() {
    const site = new Site();
    site.server = createServer((request, response) => {
      site.answer(request, response).catch(() => response.destroy());
    });
    await new Promise((listening) => site.server.listen(0, '127.0.0.1', listening));
    site.port = site.server.address().port;
    site.url = `http://127.0.0.1:${site.port}`;
    return site;
  }

  close() {
    this.server.closeAllConnections();
    return new Promise((closed) => this.server.close(closed));
  }

  async answer(request, response) {
    const { pathname } = new URL(request.url, this.url);
    const send = (status, type, body, headers = {}) =>
      response.writeHead(status, { 'content-type': type, 'cache-control': 'no-cache', ...headers }).end(body);
    if (pathname === '/e') {
      const body = await bodyOf(request);
      const post = { at: Date.now(), type: request.headers['content-type'], size: Buffer.byteLength(body), ...JSON.parse(body) };
      const { status, headers, answer, drop, hang } = this.collect(post, this.posts.length);
      this.posts.push({ ...post, status: drop || hang ? 0 : status });
      if (hang) return undefined;
      if (drop) return response.destroy();
      const news = this.news(post, answer);
      if (status === 204 && news) return send(200, 'application/json', JSON.stringify(news), headers);
      return send(status, 'application/json', news && JSON.stringify(news), headers);
    }
    if (pathname === '/v1/decide') {
      const question = JSON.parse(await bodyOf(request));
      this.asked.push(question);
      await pause(this.decideDelayMs);
      return send(200, 'application/json', JSON.stringify({ visitor: question.visitor, degraded: false, ...this.news(question), ...this.decide(question) }));
    }
    if (pathname === '/t.js') {
      if (this.scriptDelayMs) await pause(this.scriptDelayMs);
      return this.scriptServed ? send(200, 'text/javascript', script) : response.destroy();
    }
    if (pathname in this.pages) {
      const [page, rest] = this.pages[pathname].split(this.halt);
      if (rest === undefined) return send(200, 'text/html', page);
      response.writeHead(200, { 'content-type': 'text/html' }).write(page);
      await this.goOn;
      return response.end(rest);
    }
    return send(404, 'text/plain', 'no such page');
  }

  news({ settings }, answer) {
    const update = settings !== this.settings.v && { settings: this.settings };
    return update || answer ? { ...update, ...answer } : undefined;
  }

  /**
   * Adds a page with the inline style, the tag and the given body. A test of anything but the
   * deadline itself gives a long one, and is not hurt by a slow machine.
   */
  page(path, { body = '', head = '', tag = '', title = 'A page', deadlineMs = 300, hiddenMs = deadlineMs } = {}) {
    this.pages[path] = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${title}</title>
<style>${hiddenMs ? style.replace(/(?<=ashna 0s )[\d.]+s/, `${hiddenMs / 1000}s`) : ''}</style>${head}
<script async src="/t.js" data-key="k1" data-deadline="${deadlineMs}" ${tag}></script></head><body>${body}</body></html>`;
    return this;
  }

  /** Acknowledged events in the order of arrival. */
  get events() {
    return this.posts
      .filter(({ status }) => status >= 200 && status < 300)
      .flatMap((post) => post.events.map((event) => ({ ...event, page: event.context?.page ?? post.context.page })));
  }

  named(name) {
    return this.events.filter(({ event, type }) => event === name || type === name);
  }
}

/** Waits for what must come; the limit is there only to end a failing test, on a machine however busy. */
export async function until(what, holds, limitMs = 60_000) {
  const end = Date.now() + limitMs;
  for (;;) {
    const value = await holds();
    if (value) return value;
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
    await pause(20);
  }
}

/** How long the tracker lets events gather, and a little more. */
const GATHERED_MS = 500;

/** Waits by the page's own clock: timers that its scripts set before for less have run when this ends. */
export const lived = (page, ms = GATHERED_MS) => page.evaluate((wait) => new Promise((done) => setTimeout(done, wait)), ms);

/**
 * Waits until all that the tracker would send by itself has been sent and has arrived. The page's timers run in
 * their order, so that what would come has left before this asks the site for something.
 */
export async function quiet(page, ms) {
  await lived(page, ms);
  await page.evaluate(() => fetch('/quiet'));
}

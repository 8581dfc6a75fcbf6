// The tests' browser interface over the W3C WebDriver protocol, for WebKitGTK's MiniBrowser.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { until } from './service.mjs';

const BROWSER = '/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser';
const ELEMENT = 'element-6066-11e4-a52e-4f735466cecf';

async function freePort() {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

export class Webkit {
  static async launch(program) {
    const browser = new Webkit();
    const port = await freePort();
    browser.url = `http://127.0.0.1:${port}`;
    // A headless start needs neither a compositor nor a sandbox.
    const env = { ...process.env, WEBKIT_DISABLE_COMPOSITING_MODE: '1', WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: '1' };
    browser.driver = spawn('xvfb-run', ['-a', program, `--port=${port}`, '--host=127.0.0.1'], { stdio: 'ignore', env, detached: true });
    await until('the WebKit driver', async () => (await fetch(browser.url + '/status')).ok);
    return browser;
  }

  /** A context is a session with its own profile; the driver supports one at a time. */
  async createBrowserContext() {
    const { url } = this;
    const capabilities = {
      alwaysMatch: { 'webkitgtk:browserOptions': { binary: BROWSER, args: ['--automation'] } },
    };
    const { sessionId } = await ask(url, 'POST', '/session', { capabilities });
    const session = `/session/${sessionId}`;
    await ask(url, 'POST', session + '/window/rect', { width: 1000, height: 800 });
    let first = true;
    const newPage = async () => {
      if (!first) {
        const { handle } = await ask(url, 'POST', session + '/window/new', { type: 'window' });
        await ask(url, 'POST', session + '/window', { handle });
      }
      first = false;
      return new Page(url, session);
    };
    return { newPage, close: () => ask(url, 'DELETE', session).catch(() => {}) };
  }

  async close() {
    process.kill(-this.driver.pid);
  }
}

async function ask(url, method, path, body) {
  const answer = await fetch(url + path, { method, body: body && JSON.stringify(body) });
  const { value } = await answer.json();
  if (!answer.ok) throw new Error(`${path}: ${value?.error} ${value?.message}`);
  return value;
}

class Page {
  constructor(url, session) {
    this.url = url;
    this.session = session;
  }

  ask = (method, path, body) => ask(this.url, method, path, body);
  goto = (url) => this.ask('POST', this.session + '/url', { url });

  /** The last window of a session cannot be closed; a new one replaces it. */
  async close() {
    const { handle } = await this.ask('POST', this.session + '/window/new', { type: 'window' });
    await this.ask('DELETE', this.session + '/window');
    await this.ask('POST', this.session + '/window', { handle });
  }

  evaluate(work, ...args) {
    const script = `const done = arguments[arguments.length - 1];
      Promise.resolve((${work})(...[].slice.call(arguments, 0, -1))).then((value) => done({ value }), (error) => done({ error: '' + error }));`;
    return this.ask('POST', this.session + '/execute/async', { script, args }).then(({ value, error }) => {
      if (error) throw new Error(error);
      return value;
    });
  }

  async element(css) {
    const found = await this.ask('POST', this.session + '/element', { using: 'css selector', value: css });
    return `${this.session}/element/${found[ELEMENT]}`;
  }

  click = async (css) => this.ask('POST', (await this.element(css)) + '/click', {});
  type = async (css, text) => this.ask('POST', (await this.element(css)) + '/value', { text });
}

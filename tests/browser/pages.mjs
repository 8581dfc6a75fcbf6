// Pages of every kind, on their own origin, with a site's tracker tag.

import { build } from 'esbuild';
import { once } from 'node:events';
import { createServer } from 'node:http';

const NONCE = 'n0nce';

const kinds = {
  static: () => `<h1>Static</h1><a id="out" href="https://other.example/x" onclick="event.preventDefault()">Elsewhere</a>
    <button id="chosen" data-ashna-event="Chosen" data-ashna-props='{"size":"XL"}'>XL</button>
    <a id="next" href="/next">Next</a>`,
  next: () => '<h1>Next</h1>',
  spa: () => `<div id="root"></div><script src="/app.js"></script>`,
  turbo: () => `<main><h1>One</h1><a id="go" href="/turbo-two">Two</a></main><script>
    document.addEventListener('click', async (event) => {
      const link = event.target.closest('a');
      if (!link) return;
      event.preventDefault();
      const page = new DOMParser().parseFromString(await (await fetch(link.href)).text(), 'text/html');
      history.pushState({}, '', link.href);
      document.title = page.title;
      document.body.replaceWith(page.body);
    });</script>`,
  'turbo-two': () => '<main><h1>Two</h1><button id="add" data-ashna-event="Product Added" data-ashna-props=\'{"product_id":"p-1","price":12.5}\'>Add</button></main>',
  frame: () => '<h1>Around</h1><button id="chosen" data-ashna-event="Chosen">XL</button><iframe src="/framed" width="300" height="200"></iframe>',
  framed: () => '<h1>Within</h1>',
  strict: () => '<h1>Strict</h1><button id="chosen" data-ashna-event="Chosen">XL</button>',
  refused: () => '<h1>Refused</h1><button id="chosen" data-ashna-event="Chosen">XL</button>',
  form: () => `<form id="letter"><input id="mail" name="mail"><button id="send">Send</button></form>
    <script>document.forms[0].addEventListener('submit', (event) => event.preventDefault())</script>`,
  slots: () => Array.from({ length: 200 }, (_, n) => `<div data-ashna-slot="slot-${n}" style="height:20px">Default ${n}</div>`).join(''),
};

const REFUSING = `Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no', 'SecurityError') } });
  Object.defineProperty(document, 'cookie', { get: () => '', set() {} });`;

/** Hides `navigator.webdriver`: automated browsers are detected as robots, but these are visits of people. */
const DRIVEN = `Object.defineProperty(Navigator.prototype, 'webdriver', { get: () => false });`;

export class Pages {
  static async open(road) {
    const pages = new Pages();
    pages.road = road;
    pages.app = await bundled();
    pages.server = createServer((request, response) => pages.answer(request, response));
    pages.server.listen(0, '127.0.0.1');
    await once(pages.server, 'listening');
    pages.port = pages.server.address().port;
    pages.url = `http://127.0.0.1:${pages.port}`;
    return pages;
  }

  answer(request, response) {
    const name = new URL(request.url, this.url).pathname.slice(1).split('/')[0];
    if (name === 'app.js') return response.writeHead(200, { 'content-type': 'text/javascript' }).end(this.app);
    if (!(name in kinds)) return response.writeHead(404).end();
    const headers = { 'content-type': 'text/html; charset=utf-8' };
    if (name === 'strict') {
      const service = this.road.url;
      headers['content-security-policy'] =
        `default-src 'none'; script-src ${service} 'nonce-${NONCE}'; connect-src ${service}; style-src 'nonce-${NONCE}'`;
    }
    const early = `<script nonce="${NONCE}">${DRIVEN}${name === 'refused' ? REFUSING : ''}</script>`;
    const tag = `<script async src="${this.road.url}/t.js" data-key="${this.key}" data-deadline="3000"></script>`;
    return response
      .writeHead(200, headers)
      .end(`<!doctype html><html lang="en"><head><title>${name}</title>${early}${tag}</head><body>${kinds[name]()}</body></html>`);
  }

  close() {
    this.server.closeAllConnections();
    this.server.close();
  }
}

/** A single-page application with React: two views, one of them about a product. */
async function bundled() {
  const contents = `
    import { createElement as h, useEffect, useState } from 'react';
    import { createRoot } from 'react-dom/client';
    function App() {
      const [path, setPath] = useState(location.pathname);
      useEffect(() => {
        const moved = () => setPath(location.pathname);
        addEventListener('popstate', moved);
        return () => removeEventListener('popstate', moved);
      }, []);
      useEffect(() => {
        document.title = path;
        if (path === '/spa/p-1') (window.ashna = window.ashna || []).push(['productViewed', { product_id: 'p-1', price: 3 }]);
      }, [path]);
      const go = (to) => () => { history.pushState({}, '', to); setPath(to); };
      return h('div', null, h('h1', null, path), h('button', { id: 'product', onClick: go('/spa/p-1') }, 'Product'));
    }
    createRoot(document.getElementById('root')).render(h(App));`;
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: new URL('.', import.meta.url).pathname },
    bundle: true,
    write: false,
    minify: true,
    define: { 'process.env.NODE_ENV': '"production"' },
  });
  return outputFiles[0].text;
}

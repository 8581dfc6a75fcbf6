// Creates a history for the visitors of visitors.lua: six product views each, in batches; then requests a decision for each
// until it uses that history.
import { readFileSync } from 'node:fs';

const { LOAD_URL, LOAD_KEY, LOAD_ORIGIN, LOAD_ITEMS } = process.env;
const VISITORS = 5000;
const VIEWS = 6;
const SENDERS = 16;
const AGENT =
  'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36';

const linesOf = (file) => readFileSync(file, 'utf8').split('\n').filter(Boolean);
// The catalog imported for the scenario, or the demo shop's.
const items = LOAD_ITEMS
  ? linesOf(LOAD_ITEMS).map((id) => ({ id, title: id, categories: [`c-${id.slice(-1)}`], price_minor: 1000 }))
  : linesOf(new URL('../demo/items.ndjson', import.meta.url)).map((line) => JSON.parse(line));

const hex = (number) => (number >>> 0).toString(16).padStart(8, '0');
const idOf = (n) => hex(n + 0x5eed0000) + hex((n * 40503) % 0xffffffff) + hex(0xa5a5a5a5) + hex(n);

function view(visitor, n) {
  // A preference: most views are close together in the catalog.
  const item = items[(visitor * 7 + n * (n % 3 === 2 ? 11 : 1)) % items.length];
  return {
    type: 'track', event: 'Product Viewed', messageId: `past-${visitor}-${n}`,
    timestamp: Date.now() - (VIEWS - n) * 60_000,
    properties: { product_id: item.id, name: item.title, category: item.categories[0], price: item.price_minor / 100 },
  };
}

async function post(path, body) {
  const answer = await fetch(LOAD_URL + path, {
    method: 'POST',
    headers: { 'content-type': 'text/plain', origin: LOAD_ORIGIN, 'user-agent': AGENT },
    body: JSON.stringify({ key: LOAD_KEY, ...body }),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${text}`);
  return text && JSON.parse(text);
}

/** Runs `work` once per visitor, with limited concurrency. */
async function each(work) {
  let next = 1;
  const sender = async () => {
    while (next <= VISITORS) await work(next++);
  };
  await Promise.all(Array.from({ length: SENDERS }, sender));
}

await each((visitor) =>
  post('/e', {
    visitor: idOf(visitor), sentAt: Date.now(), context: { page: { url: `${LOAD_ORIGIN}/demo/` } },
    events: Array.from({ length: VIEWS }, (_, n) => view(visitor, n)),
  }));

let degradedFirst = 0;
await each(async (visitor) => {
  for (let tries = 0; ; tries++) {
    const { degraded } = await post('/v1/decide', { visitor: idOf(visitor), slots: ['home-recs'], context: {} });
    if (!degraded) return;
    if (tries === 0) degradedFirst++;
    if (tries === 100) throw new Error(`the profile of visitor ${visitor} is not available`);
    await new Promise((done) => setTimeout(done, 50));
  }
});
console.log(`${VISITORS} visitors with ${VIEWS} product views each; the first decision was degraded for ${degradedFirst}`);

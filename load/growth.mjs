// growth.mjs items|events|touch CLICKS [SITE]: generates the shop of the growth scenario.
//   items   its catalog, one JSON object per line
//   events  its clicks as tab-separated rows for the warehouse's table `events`, streamed
//   touch   sends one view every 300 ms to the running service until stopped, so that the index has something new to learn
//
// Zipf-distributed popularity over items that belong to topics; visits stay in a topic, follow typical item sequences,
// return to viewed items, and wander off; some visitors return. Spread over 80 days, the last click an hour ago.
// Deterministic.
const [command, count, site = '1'] = process.argv.slice(2);
const clicks = Number(count);
const TOPIC = 40;
const DAYS = 80;
const topics = Math.max(2, Math.floor((Math.sqrt(clicks) * 30) / TOPIC));
const items = topics * TOPIC;

// Deterministic random numbers (xorshift32, Marsaglia 2003).
let state = 2463534242;
function unit() {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) / 4294967296;
}
const below = (bound) => Math.floor(unit() * bound);
// An index below `count`, approximately Zipf-distributed.
const popular = (count) => Math.min(Math.floor((count + 1) ** unit()) - 1, count - 1);
const category = (item) => `c-${Math.floor(item / TOPIC) % 200}`;

async function write(text) {
  if (!process.stdout.write(text)) await new Promise((drained) => { process.stdout.once('drain', drained); });
}

async function catalogue() {
  for (let item = 0; item < items; item += 1) {
    await write(`${JSON.stringify({
      id: `i-${item}`, title: `Thing ${item}`, url: `/p/i-${item}`, price_minor: 500 + ((item * 7919) % 20000),
      currency: 'EUR', categories: [category(item)], available: true,
    })}\n`);
  }
}

function visit() {
  const topic = popular(topics);
  const length = 1 + below(3) + (below(5) === 0 ? below(12) : 0);
  const seen = [];
  while (seen.length < length) {
    const before = seen.at(-1);
    const draw = below(10);
    if (draw < 3 && before !== undefined) seen.push(topic * TOPIC + ((before * 7 + 1) % TOPIC));
    else if (draw === 3 && before !== undefined) seen.push(seen[below(seen.length)]);
    else if (draw === 4) seen.push(popular(items));
    else seen.push(topic * TOPIC + popular(TOPIC));
  }
  return seen;
}

async function rows() {
  const end = Date.now() - 3_600_000;
  const begin = end - DAYS * 86_400_000;
  // 2.5 clicks per visit, two visits per visitor.
  const visitors = Math.max(1, Math.floor(clicks / 5));
  const seconds = (ms) => (ms / 1000).toFixed(3);
  let chunk = '';
  for (let position = 0; position < clicks;) {
    const number = below(visitors);
    // Spread over the whole range, like random ids.
    const visitor = `${1 + (Math.imul(number, 2654435761) >>> 0)}${String(number).padStart(10, '0')}`;
    const started = begin + ((end - begin - 3_600_000) * position) / clicks;
    let at = started;
    for (const item of visit()) {
      if (position === clicks) break;
      chunk += `7\t${position}\t${site}\t${position}\t1\tProduct Viewed\t1\t${seconds(at)}\t${seconds(at)}\t${visitor}\t${seconds(started)}\t['i-${item}']\t${category(item)}\n`;
      position += 1;
      at += 5000 + below(90_000);
    }
    if (chunk.length > 1 << 20) {
      await write(chunk);
      chunk = '';
    }
  }
  await write(chunk);
}

async function touch() {
  const { LOAD_URL, LOAD_KEY, LOAD_ORIGIN } = process.env;
  for (let n = 0; ; n += 1) {
    const event = {
      type: 'track', event: 'Product Viewed', messageId: `touch-${Date.now()}-${n}`,
      properties: { product_id: `i-${n % items}` },
    };
    const answer = await fetch(`${LOAD_URL}/e`, {
      method: 'POST',
      headers: { 'content-type': 'text/plain', origin: LOAD_ORIGIN, 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0' },
      body: JSON.stringify({ key: LOAD_KEY, visitor: 'feed5eed'.repeat(4), events: [event] }),
    });
    if (!answer.ok) throw new Error(`the service returned ${answer.status}`);
    await new Promise((later) => { setTimeout(later, 300); });
  }
}

await { items: catalogue, events: rows, touch }[command]();

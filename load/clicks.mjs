// clicks.mjs FILE FOLDER: converts tab-separated clicks (SessionId ItemId Time) to files for `ashna import`, items.ndjson
// and events.ndjson, shifted in time so that the last click was an hour ago; items.txt has the ids.
import { readFileSync, writeFileSync } from 'node:fs';

const [file, folder] = process.argv.slice(2);
const rows = readFileSync(file, 'utf8').trim().split('\n').slice(1).map((line) => {
  const [session, item, time] = line.split('\t');
  return { session, item: `i-${item}`, at: Number(time) * 1000 };
});
const last = rows.reduce((latest, row) => Math.max(latest, row.at), 0);
const shift = Date.now() - 3_600_000 - last;
const ids = [...new Set(rows.map((row) => row.item))];
const lines = (list) => list.map((row) => JSON.stringify(row)).join('\n') + '\n';

writeFileSync(`${folder}/items.ndjson`, lines(ids.map((id) => ({
  id, title: id, url: `/p/${id}`, price_minor: 1000, currency: 'EUR', categories: [`c-${id.slice(-1)}`], available: true,
}))));
writeFileSync(`${folder}/events.ndjson`, lines(rows.map((row) => ({
  type: 'track', event: 'Product Viewed', anonymousId: `visit-${row.session}`,
  timestamp: new Date(row.at + shift).toISOString(), properties: { product_id: row.item },
}))));
writeFileSync(`${folder}/items.txt`, ids.join('\n') + '\n');

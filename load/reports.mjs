// Many concurrent reports of two API keys on a full warehouse, and reports whose client disconnects. Prints one table row
// each; fails if a report is neither answered nor refused with a known error within REPORTS_SECONDS_MAX, if the engine uses
// more than REPORTS_ENGINE_MIB_MAX, or if it continues for more than REPORTS_STOP_MS_MAX after the client disconnected.
import { readFileSync, writeFileSync } from 'node:fs';

const { LOAD_URL, LOAD_SITE, LOAD_KEYS, LOAD_ENGINE, LOAD_ENGINE_KEY, LOAD_PIDS } = process.env;
const SECONDS_MAX = Number(process.env.REPORTS_SECONDS_MAX ?? 30);
const ENGINE_MIB_MAX = Number(process.env.REPORTS_ENGINE_MIB_MAX ?? 3500);
const STOP_MS_MAX = Number(process.env.REPORTS_STOP_MS_MAX ?? 1000);
const [firstKey, secondKey] = LOAD_KEYS.split(' ');
const [service, engine] = LOAD_PIDS.split(' ');

const DAY = 86_400_000;
const today = Math.floor(Date.now() / DAY) * DAY;
const period = (days) => ({ from: today - days * DAY, to: today });
const STEPS = ['Product Viewed', 'Product Added', 'Order Completed'].map((event) => ({ event }));
const funnel = (more = {}) => ['funnel', { ...period(90), steps: STEPS, window_ms: 7 * DAY, ...more }];

const mib = (pid, field) => Math.round(Number(readFileSync(`/proc/${pid}/status`, 'utf8').match(new RegExp(`${field}:\\s+(\\d+)`))[1]) / 1024);
const resetPeakMemory = () => { try { writeFileSync(`/proc/${engine}/clear_refs`, '5'); } catch { /* only the owner of the process may */ } };
const sleep = (ms) => new Promise((done) => { setTimeout(done, ms); });
let failed = false;

async function request(key, [report, body], signal, query = '') {
  const started = performance.now();
  const answer = await fetch(`${LOAD_URL}/api/v1/sites/${LOAD_SITE}/reports/${report}${query}`, {
    method: 'POST', signal, body: JSON.stringify(body),
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
  });
  const text = await answer.text();
  const seconds = (performance.now() - started) / 1000;
  const outcome = answer.status === 200 ? '200' : `${answer.status} ${JSON.parse(text).code}`;
  return { outcome, seconds, retry: answer.headers.get('retry-after') };
}

async function runningQueries() {
  const answer = await fetch(LOAD_ENGINE, {
    method: 'POST', headers: { 'x-clickhouse-user': 'ashna', 'x-clickhouse-key': LOAD_ENGINE_KEY },
    body: "SELECT count() FROM system.processes WHERE query NOT LIKE '%system.processes%' AND query_kind = 'Select'",
  });
  return Number(await answer.text());
}

async function measure(name, requests) {
  const before = mib(engine, 'VmRSS');
  resetPeakMemory();
  const answers = await Promise.all(requests);
  const byOutcome = new Map();
  for (const { outcome, seconds } of answers) byOutcome.set(outcome, [...(byOutcome.get(outcome) ?? []), seconds]);
  const shown = [...byOutcome].map(([outcome, all]) =>
    `${all.length} × ${outcome} after ${Math.min(...all).toFixed(1)} to ${Math.max(...all).toFixed(1)} s`);
  const peak = mib(engine, 'VmHWM');
  const ok = answers.every(({ outcome, seconds }) => seconds <= SECONDS_MAX && ['200', '503 reports_busy', '422 question_too_large'].includes(outcome));
  if (!ok || peak > ENGINE_MIB_MAX) failed = true;
  console.log(`| ${name} | ${shown.join(', ')} | ${before} | ${peak} | ${mib(engine, 'VmRSS')} | ${mib(service, 'VmRSS')} |`);
}

async function disconnect(name, report, query) {
  const controller = new AbortController();
  const pending = request(firstKey, report, controller.signal, query).catch(() => null);
  const started = performance.now();
  while ((await runningQueries()) === 0 && performance.now() - started < 5000) await sleep(10);
  await sleep(700);
  const wasRunning = await runningQueries();
  controller.abort();
  const disconnected = performance.now();
  await pending;
  while ((await runningQueries()) > 0 && performance.now() - disconnected < 30_000) await sleep(20);
  const ms = Math.round(performance.now() - disconnected);
  if (wasRunning === 0 || ms > STOP_MS_MAX) failed = true;
  console.log(`| ${name} | ${wasRunning ? `the engine stopped ${ms} ms after the client disconnected` : 'was answered before'} |`);
}

const several = [
  ['overview', { ...period(30), interval: 'day' }], ['overview', { ...period(90), interval: 'week' }],
  ['pages', period(30)], ['sources', { ...period(30), by: 'channel' }], ['visitors', { ...period(30), by: 'country' }],
  funnel(), funnel({ order: 'any' }), ['realtime', {}],
];
console.log('| request | responses | engine before, MiB | peak | after | service |\n|---|---|---|---|---|---|');
await measure('a funnel alone', [request(firstKey, funnel())]);
await measure('an overview of 30 days alone', [request(firstKey, several[0])]);
await measure('six equal funnels at once', Array.from({ length: 6 }, () => request(firstKey, funnel())));
const windows = [1, 2, 3, 4, 5, 6].map((days) => request(firstKey, funnel({ window_ms: days * DAY })));
const fromOtherKey = sleep(1000).then(() => request(secondKey, several[0]));
await measure('six different funnels of one key at once', windows);
await measure('an overview of another key, a second after them', [fromOtherKey]);
await measure('eight different reports of one key at once', several.map((report) => request(firstKey, report)));
await measure('eight different reports of two keys at once', several.map((report, n) => request(n % 2 ? firstKey : secondKey, report)));
console.log('\n| disconnected after 0.7 s | |\n|---|---|');
await disconnect('funnel', funnel());
await disconnect('overview', several[0]);
await disconnect('sources', several[3]);
await disconnect('overview as CSV', several[1], '?format=csv');
if (failed) {
  console.error(`load: beyond ${SECONDS_MAX} s, ${ENGINE_MIB_MAX} MiB or ${STOP_MS_MAX} ms, or an unexpected response`);
  process.exit(1);
}

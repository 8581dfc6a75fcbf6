// Many questions at once, of two askers, to a service with a full warehouse; and questions whose asker hangs up.
// One line of a table each; fails when one is neither answered nor refused by name within REPORTS_SECONDS_MAX, when
// the engine took more than REPORTS_ENGINE_MIB_MAX, or when it worked on for more than REPORTS_STOP_MS_MAX after its
// asker was gone.
import { readFileSync, writeFileSync } from 'node:fs';

const { LOAD_URL, LOAD_SITE, LOAD_KEYS, LOAD_ENGINE, LOAD_ENGINE_KEY, LOAD_PIDS } = process.env;
const SECONDS_MAX = Number(process.env.REPORTS_SECONDS_MAX ?? 30);
const ENGINE_MIB_MAX = Number(process.env.REPORTS_ENGINE_MIB_MAX ?? 3500);
const STOP_MS_MAX = Number(process.env.REPORTS_STOP_MS_MAX ?? 1000);
const [one, other] = LOAD_KEYS.split(' ');
const [service, engine] = LOAD_PIDS.split(' ');

const DAY = 86_400_000;
const today = Math.floor(Date.now() / DAY) * DAY;
const period = (days) => ({ from: today - days * DAY, to: today });
const STEPS = ['Product Viewed', 'Product Added', 'Order Completed'].map((event) => ({ event }));
const funnel = (more = {}) => ['funnel', { ...period(90), steps: STEPS, window_ms: 7 * DAY, ...more }];

const mib = (pid, field) => Math.round(Number(readFileSync(`/proc/${pid}/status`, 'utf8').match(new RegExp(`${field}:\\s+(\\d+)`))[1]) / 1024);
const forget = () => { try { writeFileSync(`/proc/${engine}/clear_refs`, '5'); } catch { /* needs the owner of the process */ } };
const rest = (ms) => new Promise((done) => { setTimeout(done, ms); });
let failed = false;

async function ask(key, [report, question], signal, query = '') {
  const begun = performance.now();
  const answer = await fetch(`${LOAD_URL}/api/v1/sites/${LOAD_SITE}/reports/${report}${query}`, {
    method: 'POST', signal, body: JSON.stringify(question),
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
  });
  const body = await answer.text();
  const seconds = (performance.now() - begun) / 1000;
  const word = answer.status === 200 ? '200' : `${answer.status} ${JSON.parse(body).code}`;
  return { word, seconds, retry: answer.headers.get('retry-after') };
}

async function working() {
  const answer = await fetch(LOAD_ENGINE, {
    method: 'POST', headers: { 'x-clickhouse-user': 'ashna', 'x-clickhouse-key': LOAD_ENGINE_KEY },
    body: "SELECT count() FROM system.processes WHERE query NOT LIKE '%system.processes%' AND query_kind = 'Select'",
  });
  return Number(await answer.text());
}

async function stand(name, asking) {
  const before = mib(engine, 'VmRSS');
  forget();
  const answers = await Promise.all(asking);
  const words = new Map();
  for (const { word, seconds } of answers) words.set(word, [...(words.get(word) ?? []), seconds]);
  const shown = [...words].map(([word, all]) =>
    `${all.length} × ${word} after ${Math.min(...all).toFixed(1)} to ${Math.max(...all).toFixed(1)} s`);
  const most = mib(engine, 'VmHWM');
  const ok = answers.every(({ word, seconds }) => seconds <= SECONDS_MAX && ['200', '503 reports_busy', '422 question_too_large'].includes(word));
  if (!ok || most > ENGINE_MIB_MAX) failed = true;
  console.log(`| ${name} | ${shown.join(', ')} | ${before} | ${most} | ${mib(engine, 'VmRSS')} | ${mib(service, 'VmRSS')} |`);
}

async function hangUp(name, question, query) {
  const gone = new AbortController();
  const asked = ask(one, question, gone.signal, query).catch(() => null);
  const begun = performance.now();
  while ((await working()) === 0 && performance.now() - begun < 5000) await rest(10);
  await rest(700);
  const worked = await working();
  gone.abort();
  const left = performance.now();
  await asked;
  while ((await working()) > 0 && performance.now() - left < 30_000) await rest(20);
  const ms = Math.round(performance.now() - left);
  if (worked === 0 || ms > STOP_MS_MAX) failed = true;
  console.log(`| ${name} | ${worked ? `the engine stopped ${ms} ms after its asker was gone` : 'was answered before'} |`);
}

const several = [
  ['overview', { ...period(30), interval: 'day' }], ['overview', { ...period(90), interval: 'week' }],
  ['pages', period(30)], ['sources', { ...period(30), by: 'channel' }], ['visitors', { ...period(30), by: 'country' }],
  funnel(), funnel({ order: 'any' }), ['realtime', {}],
];
console.log('| asked | answers | engine before, MiB | at most | after | service |\n|---|---|---|---|---|---|');
await stand('a funnel alone', [ask(one, funnel())]);
await stand('an overview of 30 days alone', [ask(one, several[0])]);
await stand('six equal funnels at once', Array.from({ length: 6 }, () => ask(one, funnel())));
const windows = [1, 2, 3, 4, 5, 6].map((days) => ask(one, funnel({ window_ms: days * DAY })));
const foreign = rest(1000).then(() => ask(other, several[0]));
await stand('six different funnels of one asker at once', windows);
await stand('an overview of another asker, a second after them', [foreign]);
await stand('eight different questions of one asker at once', several.map((question) => ask(one, question)));
await stand('eight different questions of two askers at once', several.map((question, n) => ask(n % 2 ? one : other, question)));
console.log('\n| hung up after 0.7 s | |\n|---|---|');
await hangUp('funnel', funnel());
await hangUp('overview', several[0]);
await hangUp('sources', several[3]);
await hangUp('overview as CSV', several[1], '?format=csv');
if (failed) {
  console.error(`load: beyond ${SECONDS_MAX} s, ${ENGINE_MIB_MAX} MiB or ${STOP_MS_MAX} ms, or an answer without a name`);
  process.exit(1);
}

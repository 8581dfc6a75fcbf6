// Main thread cost of the tracker by Chromium's trace, compared with an empty script on the same page:
// `npm run trace`. Prints medians without limits, because machines differ.
//
// SLOWED=4   CPU throttling factor (1: none)
// ROUNDS=9   loads of each script, each in a new browser profile, so that nothing is cached
// OTHERS=DIR further scripts to measure: every *.js in it

import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ENGINES } from './engines.mjs';
import { Pages } from './pages.mjs';
import { Road } from './road.mjs';
import { startService } from './service.mjs';
import { Tab } from './tab.mjs';

const SLOWED = Number(process.env.SLOWED ?? 4);
const ROUNDS = Number(process.env.ROUNDS ?? 9);
const EVENTS = 100;
// From the navigation on: long enough for a slowed page to load, send and be answered.
const WATCHED_MS = 1500;
const TOTAL_MAX_MS = 240_000;

const SCRIPT = /^(EvaluateScript|FunctionCall|RunMicrotasks|TimerFire|EventDispatch|FireIdleCallback|v8\.compile)$/;

const median = (figures) => figures.toSorted((a, b) => a - b)[Math.floor(figures.length / 2)];
// Thread time if the trace has it: it excludes time taken by other processes.
const ms = ({ tdur, dur }) => (tdur ?? dur) / 1000;
const sum = (events) => events.reduce((total, event) => total + ms(event), 0);

/** Events that are not nested in another event of the list. */
function outermost(events) {
  let end = -1;
  return events
    .toSorted((a, b) => a.ts - b.ts || b.dur - a.dur)
    .filter(({ ts, dur }) => ts + dur > end && ((end = ts + dur), true));
}

/** Main thread events of the page that loaded `url`, which is the page's only script. */
function read(trace, url) {
  const evaluation = trace.find(({ name, args }) => name === 'EvaluateScript' && args?.data?.url === url);
  if (!evaluation) throw new Error('the script never ran');
  const { pid, tid } = evaluation;
  const own = trace.filter((event) => event.ph === 'X' && event.pid === pid && event.tid === tid);
  const script = outermost(own.filter(({ name }) => SCRIPT.test(name)));
  const tasks = own.filter(({ name }) => name === 'ThreadControllerImpl::RunTask');
  const holds = (task) => script.some(({ ts }) => ts >= task.ts && ts <= task.ts + task.dur);
  return {
    evaluation: ms(evaluation),
    script: sum(script),
    task: Math.max(...tasks.filter(holds).map(ms)),
    thread: sum(outermost(tasks)),
    layouts: own.filter(({ name, ts }) => name === 'Layout' && script.some((s) => ts >= s.ts && ts <= s.ts + s.dur)).length,
  };
}

async function load(browser, road, url, script) {
  const tab = await Tab.open(browser, SLOWED);
  try {
    road.script = script;
    const trace = await tab.traced(async () => {
      await tab.goto(url);
      await new Promise((resolve) => setTimeout(resolve, WATCHED_MS));
    });
    const figures = read(trace, `${road.url}/t.js`);
    if (script === undefined) {
      figures.event = await tab.evaluate(`(() => {
        const begun = performance.now();
        for (let n = 0; n < ${EVENTS}; n++) ashna.track('Measured', { n, product_id: 'p-1', price: 12.5 });
        return (performance.now() - begun) / ${EVENTS};
      })()`);
    }
    return figures;
  } finally {
    await tab.close();
  }
}

async function others() {
  const directory = process.env.OTHERS;
  const names = directory ? (await readdir(directory)).filter((name) => name.endsWith('.js')) : [];
  return Promise.all(names.map(async (name) => [name, await readFile(join(directory, name))]));
}

const watchdog = setTimeout(() => {
  console.error('the measurement took too long and is ended');
  process.exit(1);
}, TOTAL_MAX_MS);
const endings = [];
// Stops everything that was started here, also after errors.
process.on('exit', () => endings.forEach((end) => end()));
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));

const service = await startService({ demo: false });
endings.push(() => service.kill());
const browser = await ENGINES.chromium();
endings.push(() => browser.process().kill('SIGKILL'));
const road = await Road.to(service.base);
const pages = await Pages.open(road);
pages.key = (await service.addSite(pages.url)).write_key;
const variants = [['nothing', ''], ['t.js'], ...(await others())];
const found = new Map(variants.map(([name]) => [name, []]));
for (let round = -1; round < ROUNDS; round++) {
  for (const [name, script] of variants) {
    const figures = await load(browser, road, `${pages.url}/next`, script);
    // The first round warms up the browser and the disk, not the page.
    if (round >= 0) found.get(name).push(figures);
  }
}
const all = (name, figure) => found.get(name).map((figures) => figures[figure] ?? 0);
const of = (name, figure) => median(all(name, figure));
console.log(`main thread, ms, medians (and the least) of ${ROUNDS} first loads, processor slowed ${SLOWED} times`);
const heads = ['evaluation', 'all script', 'longest task', 'whole page', 'over nothing', 'layouts'];
console.log('script'.padEnd(24), heads.map((head) => head.padStart(16)).join(''));
for (const [name] of variants) {
  const row = ['evaluation', 'script', 'task', 'thread'].map((figure) => `${of(name, figure).toFixed(2)} (${Math.min(...all(name, figure)).toFixed(2)})`);
  row.push((of(name, 'thread') - of('nothing', 'thread')).toFixed(2), String(of(name, 'layouts')));
  console.log(name.padEnd(24), row.map((figure) => figure.padStart(16)).join(''));
}
console.log(`an event, ms (median of ${ROUNDS} times ${EVENTS}): ${of('t.js', 'event').toFixed(3)}`);
clearTimeout(watchdog);
await browser.close();
road.close();
pages.close();
await service.stop();
process.exit(0);

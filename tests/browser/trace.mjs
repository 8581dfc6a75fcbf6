// What the tracker costs the page's main thread, measured by Chromium's own trace on a processor slowed
// down four times: `npm run trace`. Prints medians; it judges nothing, because machines differ.

import { readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ENGINES } from './engines.mjs';
import { Pages } from './pages.mjs';
import { Road } from './road.mjs';
import { startService, until } from './service.mjs';

const ROUNDS = 15;
const EVENTS = 100;
const SLOWED = Number(process.env.SLOWED ?? 4);

const median = (figures) => figures.toSorted((a, b) => a - b)[Math.floor(figures.length / 2)];

/** Milliseconds of the outermost tasks that run the tracker's code, its compilation included. */
function costOf(trace, script) {
  const ours = trace.traceEvents.filter(
    ({ ph, name, args }) =>
      ph === 'X' &&
      /^(EvaluateScript|v8\.compile|FunctionCall|TimerFire|EventDispatch)$/.test(name) &&
      (args?.data?.url === script || args?.fileName === script),
  );
  const outer = ours.filter(
    (event) => !ours.some((other) => other !== event && other.tid === event.tid && other.ts <= event.ts && other.ts + other.dur >= event.ts + event.dur),
  );
  // Time of the thread itself where the trace tells it: what others took from the processor is not ours.
  return outer.reduce((sum, { dur, tdur }) => sum + (tdur ?? dur), 0) / 1000;
}

async function traced(page, work) {
  const path = join(tmpdir(), `ashna-trace-${process.pid}.json`);
  await page.tracing.start({ path, categories: ['devtools.timeline', 'v8', 'disabled-by-default-v8.compile'] });
  await work();
  await page.tracing.stop();
  const trace = JSON.parse(await readFile(path, 'utf8'));
  await rm(path);
  return trace;
}

const service = await startService({ demo: false });
const road = await Road.to(service.base);
const pages = await Pages.open(road);
const { write_key } = await service.addSite(pages.url);
pages.key = write_key;
const browser = await ENGINES.chromium();
const script = `${road.url}/t.js`;
const loads = [];
const events = [];
for (let round = 0; round < ROUNDS; round++) {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  await page.emulateCPUThrottling(SLOWED);
  const load = await traced(page, async () => {
    await page.goto(pages.url + '/next');
    await until('the answer', () => page.evaluate(() => Object.keys(localStorage).some((key) => key.endsWith('.site'))));
  });
  loads.push(costOf(load, script));
  const many = await page.evaluate(async (count) => {
    const begun = performance.now();
    for (let n = 0; n < count; n++) ashna.track('Measured', { n, product_id: 'p-1', price: 12.5 });
    return performance.now() - begun;
  }, EVENTS);
  events.push(many / EVENTS);
  await context.close();
}
console.log(`load, ms of the main thread (median of ${ROUNDS}, processor slowed ${SLOWED} times): ${median(loads).toFixed(2)}`);
console.log(`an event, ms (median of ${ROUNDS} times ${EVENTS}): ${median(events).toFixed(3)}`);
await browser.close();
road.close();
pages.close();
await service.stop();

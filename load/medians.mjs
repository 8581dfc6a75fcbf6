// medians.mjs NAME ASHNA NGINX RATIO_GOAL RATIO_FLOOR P99_GOAL P99_CEILING: medians of the rounds, and the verdict.
//
// Two thresholds per figure: missing the goal is only reported; floor and ceiling lie just beyond the last measured value,
// and missing them fails, so that regressions show even if the goal is far away.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Median of a field; for an even number of rounds the mean of the two middle values. */
export function median(rounds, field) {
  const sorted = rounds.map((round) => round[field]).sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return (sorted[Math.ceil(middle) - 1] + sorted[Math.floor(middle)]) / 2;
}

/** Result of a scenario: ratio of requests per second, 99th percentile in milliseconds, failed requests. */
export function measured(ashna, nginx) {
  return {
    ratio: median(ashna, 'per_second') / median(nginx, 'per_second'),
    p99: median(ashna, 'p99_ms'),
    failed: ashna.reduce((sum, { refused, broken }) => sum + refused + broken, 0),
  };
}

/** Regressions, which fail, and missed goals, which are only reported; one sentence each. */
export function verdict({ ratio, p99, failed }, { ratioGoal, ratioFloor, p99Goal, p99Ceiling }) {
  const regressions = [];
  const short = [];
  // Written so that NaN fails.
  if (!(ratio >= ratioFloor)) regressions.push(`ratio ${ratio.toFixed(2)} is below the floor of ${ratioFloor}`);
  if (!(p99 <= p99Ceiling)) regressions.push(`p99 of ${p99.toFixed(2)} ms is above the ceiling of ${p99Ceiling} ms`);
  if (failed !== 0) regressions.push(`${failed} requests failed`);
  if (!(ratio >= ratioGoal)) short.push(`ratio ${ratio.toFixed(2)} of a goal of ${ratioGoal}`);
  if (!(p99 <= p99Goal)) short.push(`p99 ${p99.toFixed(2)} ms of a goal of ${p99Goal} ms`);
  return { regressions, short };
}

function main([name, ashnaFile, nginxFile, ...limits]) {
  const [ratioGoal, ratioFloor, p99Goal, p99Ceiling] = limits.map(Number);
  const rounds = (file) => readFileSync(file, 'utf8').trim().split('\n').map((line) => JSON.parse(line));
  const [ashna, nginx] = [rounds(ashnaFile), rounds(nginxFile)];
  for (const [server, list] of [['ashna', ashna], ['nginx', nginx]]) {
    console.log(
      `${name}: ${server} ${Math.round(median(list, 'per_second')).toLocaleString('en')} requests/s,`,
      `p50 ${median(list, 'p50_ms').toFixed(2)} ms, p99 ${median(list, 'p99_ms').toFixed(2)} ms`,
    );
  }
  const reached = measured(ashna, nginx);
  const { regressions, short } = verdict(reached, { ratioGoal, ratioFloor, p99Goal, p99Ceiling });
  console.log(`${name}: ratio ${reached.ratio.toFixed(2)}, ${reached.failed} failed; ${short.length ? `short of the goal: ${short.join(', ')}` : 'goals reached'}`);
  for (const regression of regressions) console.error(`${name}: REGRESSION: ${regression}`);
  process.exitCode = regressions.length ? 1 : 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main(process.argv.slice(2));

// medians.mjs NAME ASHNA NGINX RATIO_MIN P99_MAX: medians of the rounds, and whether they suffice.
import { readFileSync } from 'node:fs';

const [name, ashnaFile, nginxFile, ratioMin, p99Max] = process.argv.slice(2);
const rounds = (file) => readFileSync(file, 'utf8').trim().split('\n').map((line) => JSON.parse(line));
const median = (list, field) => list.map((r) => r[field]).sort((a, b) => a - b)[Math.floor(list.length / 2)];
const whole = (n) => Math.round(n).toLocaleString('en');

const ashna = rounds(ashnaFile);
const nginx = rounds(nginxFile);
const ratio = median(ashna, 'per_second') / median(nginx, 'per_second');
const p99 = median(ashna, 'p99_ms');
const failed = ashna.reduce((sum, r) => sum + r.refused + r.broken, 0);

for (const [who, list] of [['ashna', ashna], ['nginx', nginx]]) {
  console.log(
    `${name}: ${who} ${whole(median(list, 'per_second'))} requests/s,`,
    `p50 ${median(list, 'p50_ms').toFixed(2)} ms, p99 ${median(list, 'p99_ms').toFixed(2)} ms`,
  );
}
console.log(`${name}: ratio ${ratio.toFixed(2)} (at least ${ratioMin}), p99 at most ${p99Max} ms, ${failed} failed`);
process.exitCode = ratio >= ratioMin && p99 <= p99Max && failed === 0 ? 0 : 1;

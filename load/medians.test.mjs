// The verdict on a load scenario: regressions and missed goals.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { measured, median, verdict } from './medians.mjs';

const LIMITS = { ratioGoal: 0.6, ratioFloor: 0.32, p99Goal: 5, p99Ceiling: 10 };
const GOOD = { ratio: 0.36, p99: 6.3, failed: 0 };
const judged = (part) => {
  const { regressions, short } = verdict({ ...GOOD, ...part }, LIMITS);
  return [regressions.length, short.length];
};

test('between floor and goal it is short of the goal, and passes', () => {
  assert.deepEqual(judged({}), [0, 2]);
  assert.deepEqual(judged({ ratio: 0.32, p99: 10 }), [0, 2], 'the thresholds themselves are enough');
  assert.deepEqual(judged({ ratio: 0.61, p99: 4 }), [0, 0]);
});

test('below the floor, above the ceiling or with failed requests it fails', () => {
  assert.deepEqual(judged({ ratio: 0.319 }), [1, 2]);
  assert.deepEqual(judged({ p99: 10.1 }), [1, 2]);
  assert.deepEqual(judged({ failed: 1 }), [1, 2]);
  assert.deepEqual(judged({ ratio: NaN, p99: NaN }), [2, 2], 'rounds that measured nothing prove nothing');
});

test('a goal that was passed long ago does not hide a regression', () => {
  const { regressions, short } = verdict({ ...GOOD, p99: 12 }, { ...LIMITS, p99Goal: 25 });
  assert.deepEqual([regressions.length, short.length], [1, 1]);
});

test('medians are of the middle, whatever the order and the number of rounds', () => {
  const rounds = (...values) => values.map((x) => ({ x }));
  assert.equal(median(rounds(9, 1, 5), 'x'), 5);
  assert.equal(median(rounds(10, 1, 3, 5), 'x'), 4);
  assert.equal(median(rounds(7), 'x'), 7);
  const round = (per_second, p99_ms, refused = 0, broken = 0) => ({ per_second, p99_ms, refused, broken });
  const ashna = [round(30, 5), round(36, 7, 1), round(40, 6, 0, 2)];
  assert.deepEqual(measured(ashna, [round(100, 1), round(90, 1), round(110, 1)]), { ratio: 0.36, p99: 6, failed: 3 });
});

test('the command says what it found and fails only on a regression', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ashna-load-'));
  try {
    const file = async (name, per_second) => {
      const path = join(folder, name);
      await writeFile(path, JSON.stringify({ per_second, p50_ms: 1, p99_ms: 6, refused: 0, broken: 0 }) + '\n');
      return path;
    };
    const nginx = await file('nginx', 100_000);
    const run = (ashna) =>
      new Promise((resolve) => {
        const words = [fileURLToPath(new URL('medians.mjs', import.meta.url)), 'single', ashna, nginx, '0.60', '0.32', '25', '10'];
        execFile(process.execPath, words, (error, stdout, stderr) => resolve({ code: error?.code ?? 0, stdout, stderr }));
      });
    const passed = await run(await file('ashna', 36_000));
    assert.equal(passed.code, 0, passed.stderr);
    assert.match(passed.stdout, /short of the goal: ratio 0\.36 of a goal of 0\.6/);
    const failed = await run(await file('slower', 31_000));
    assert.equal(failed.code, 1);
    assert.match(failed.stderr, /REGRESSION: ratio 0\.31 is below the floor of 0\.32/);
  } finally {
    await rm(folder, { recursive: true });
  }
});

// Published artifacts: the npm package with its module and types, and the releases that pages have pinned.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';

const here = new URL('..', import.meta.url).pathname;

test('the package contains the module, its types and the scripts', () => {
  const [{ files }] = JSON.parse(execFileSync('npm', ['pack', '--dry-run', '--json'], { cwd: here, encoding: 'utf8' }));
  const paths = files.map(({ path }) => path);
  for (const path of ['dist/ashna.mjs', 'dist/index.d.ts', 'dist/t.js', 'dist/track.js', 'dist/snippet.css.txt', 'README.md']) {
    assert.ok(paths.includes(path), path);
  }
  assert.ok(!paths.some((path) => /^(src|tests)\//.test(path)));
});

test('a program that uses the package type-checks', () => {
  const place = mkdtempSync(join(tmpdir(), 'ashna-types-'));
  try {
    mkdirSync(join(place, 'node_modules'));
    symlinkSync(here, join(place, 'node_modules/ashna'));
    const good = `import { start, type Ashna } from 'ashna';
      const ashna: Ashna = start({ key: 'k', api: 'https://stats.example', consent: 'wait' });
      ashna.productAdded({ product_id: 'p-1' });
      ashna.decide(['hero']).then(({ decisions }) => decisions['hero']?.offer);`;
    const tsc = (text) => {
      writeFileSync(join(place, 'use.ts'), text);
      const options = ['--noEmit', '--strict', '--module', 'esnext', '--moduleResolution', 'bundler', '--target', 'es2022', '--lib', 'es2022,dom', 'use.ts'];
      execFileSync(join(here, 'node_modules/.bin/tsc'), options, { cwd: place, stdio: 'pipe' });
    };
    tsc(good);
    assert.throws(() => tsc(good.replace("key: 'k',", '')));
    assert.throws(() => tsc(good.replace('productAdded', 'productEaten')));
  } finally {
    rmSync(place, { recursive: true });
  }
});

test('releases exist unchanged', () => {
  const releases = join(here, 'releases');
  const index = JSON.parse(readFileSync(join(releases, 'index.json'), 'utf8'));
  assert.ok(index.length > 0);
  for (const { hash, integrity } of index) {
    const script = readFileSync(join(releases, `${hash}.js`));
    assert.equal(createHash('sha256').update(script).digest('hex').slice(0, 24), hash);
    assert.equal('sha384-' + createHash('sha384').update(script).digest('base64'), integrity);
    assert.deepEqual(gunzipSync(readFileSync(join(releases, `${hash}.js.gz`))), script);
    assert.deepEqual(brotliDecompressSync(readFileSync(join(releases, `${hash}.js.br`))), script);
  }
  assert.equal(readdirSync(releases).length, index.length * 3 + 1, 'no files that were not released');
});

// Builds dist/: the script for pages (rollup bundles, esbuild strips types, terser minifies), compressed versions of it,
// the ES module with its types, and the inline style.
import gfx from '@gfx/zopfli';
import { transform } from 'esbuild';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { brotliCompressSync, constants } from 'node:zlib';
import { rollup } from 'rollup';
import { minify } from 'terser';

const { version } = JSON.parse(await readFile('package.json', 'utf8'));

async function bundle(entry, format, personalize = true) {
  const define = { VERSION: JSON.stringify(version), PERSONALIZE: String(personalize) };
  const types = {
    name: 'types',
    resolveId: (id, from) => (from ? new URL(`${id}.ts`, `file://${from}`).pathname : undefined),
    transform: async (code) => (await transform(code, { loader: 'ts', target: 'es2021', define, minifySyntax: true })).code,
  };
  const onwarn = (warning) => {
    // Circular imports are allowed: only functions are shared, and none is called before start.
    if (warning.code !== 'CIRCULAR_DEPENDENCY') throw new Error(warning.message);
  };
  const joined = await rollup({ input: new URL(entry, import.meta.url).pathname, plugins: [types], onwarn });
  const { output } = await joined.generate({ format, strict: false, generatedCode: 'es2015' });
  return output[0].code;
}

async function minified(code) {
  // Options found by experiment: shorter code does not always compress better. The same holds for the order of the
  // imports in src/, which determines the order of the modules in the script.
  const compress = { passes: 4, unsafe_arrows: true, pure_getters: true, unsafe_comps: true, negate_iife: false, inline: 1, hoist_funs: true };
  const options = { ecma: 2020, compress };
  // A single keyword for all variables compresses better than two, and no code assigns to a constant.
  return (await minify(code, options)).code.replaceAll(/\bconst(?=[ [{])/g, 'let');
}

await rm('dist', { recursive: true, force: true });
await mkdir('dist');

async function publish(name, code) {
  await writeFile(`dist/${name}`, code);
  await writeFile(`dist/${name}.gz`, await gfx.gzipAsync(Buffer.from(code), { numiterations: 500 }));
  const params = {
    [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
    [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT,
    [constants.BROTLI_PARAM_SIZE_HINT]: code.length,
  };
  await writeFile(`dist/${name}.br`, brotliCompressSync(code, { params }));
}

// Makes Chromium compile all functions during download on another thread, not one by one on the main thread: a quarter
// less main-thread time for 27 bytes, which do not fit the limit of the smaller script.
const COMPILE_ALL = '//# allFunctionsCalledOnLoad\n';

await publish('t.js', COMPILE_ALL + (await minified(await bundle('src/script.ts', 'iife'))));
await publish('track.js', await minified(await bundle('src/script.ts', 'iife', false)));
// The debug script is not minified: it is not performance-critical.
await writeFile('dist/debug.js', await bundle('src/debug/index.ts', 'esm'));
await writeFile('dist/ashna.mjs', await bundle('src/index.ts', 'esm'));
await writeFile('dist/index.d.ts', (await readFile('src/types.ts', 'utf8')) + '\nexport declare const start: Start;\n');

const style = await transform(await readFile('src/snippet.css', 'utf8'), { loader: 'css', minify: true });
await writeFile('dist/snippet.css.txt', style.code.trim() + '\n');

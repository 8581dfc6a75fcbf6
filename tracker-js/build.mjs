// Builds dist/: the script for the page (esbuild bundles, terser squeezes), its compressed
// forms, the ES module with its types, and the inline style.
import { build, transform } from 'esbuild';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { minify } from 'terser';

const { version } = JSON.parse(await readFile('package.json', 'utf8'));
const common = {
  bundle: true,
  write: false,
  minifySyntax: true,
  target: 'es2021',
  define: { VERSION: JSON.stringify(version) },
};

async function bundle(entry, format) {
  const { outputFiles } = await build({ ...common, entryPoints: [entry], format });
  return outputFiles[0].text;
}

async function squeeze(code) {
  const compress = { passes: 4, unsafe_arrows: true, pure_getters: true, hoist_funs: true };
  const options = { ecma: 2020, compress };
  return (await minify(code, options)).code;
}

await rm('dist', { recursive: true, force: true });
await mkdir('dist');

const script = await squeeze(await bundle('src/script.ts', 'iife'));
await writeFile('dist/t.js', script);
await writeFile('dist/t.js.gz', gzipSync(script, { level: 9 }));
await writeFile(
  'dist/t.js.br',
  brotliCompressSync(script, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
      [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT,
      [constants.BROTLI_PARAM_SIZE_HINT]: script.length,
    },
  }),
);
await writeFile('dist/ashna.mjs', await bundle('src/index.ts', 'esm'));
await writeFile('dist/index.d.ts', (await readFile('src/types.ts', 'utf8')) + '\nexport declare const start: Start;\n');

const style = await transform(await readFile('src/snippet.css', 'utf8'), { loader: 'css', minify: true });
await writeFile('dist/snippet.css.txt', style.code.trim() + '\n');

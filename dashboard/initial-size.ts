import { brotliCompressSync } from 'node:zlib';
import type { Plugin, Rollup } from 'vite';

const LIMIT_KB = 150;
/** What is needed before anything is shown: the entry, the larger of the languages, and the page after the login. */
const FIRST = ['src/i18n/fa.ts', 'src/pages/Overview.svelte'];

/** Fails the build if the scripts of the first view are too large; charts are loaded after it. */
export function initialSize(): Plugin {
  return {
    name: 'ashna-initial-size',
    apply: 'build',
    writeBundle(_, bundle) {
      const chunks = Object.values(bundle).filter((part): part is Rollup.OutputChunk => part.type === 'chunk');
      const roots = chunks.filter((chunk) => chunk.isEntry || FIRST.some((path) => chunk.facadeModuleId?.endsWith(`/${path}`)));
      if (roots.length !== FIRST.length + 1) this.error(`the first view has ${roots.length} scripts of its own, expected ${FIRST.length + 1}`);
      const needed = new Set<string>();
      const visit = (name: string) => {
        if (needed.has(name)) return;
        needed.add(name);
        chunks.find((chunk) => chunk.fileName === name)?.imports.forEach(visit);
      };
      roots.forEach((chunk) => visit(chunk.fileName));
      const bytes = chunks.filter((chunk) => needed.has(chunk.fileName)).reduce((sum, chunk) => sum + brotliCompressSync(chunk.code).length, 0);
      const text = `scripts of the first view: ${(bytes / 1000).toFixed(1)} KB brotli in ${needed.size} files, of at most ${LIMIT_KB} KB`;
      if (bytes > LIMIT_KB * 1000) this.error(text);
      this.info(text);
    },
  };
}

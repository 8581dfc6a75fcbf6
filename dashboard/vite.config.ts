import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';
import { compress } from './compress';
import { initialSize } from './initial-size';

const server = process.env.ASHNA_URL ?? 'http://127.0.0.1:8080';

export default defineConfig({
  base: '/dashboard/',
  plugins: [svelte(), initialSize(), compress()],
  build: {
    target: 'es2022',
    // Everything is a file of its own: the content policy allows no data: fonts or scripts.
    assetsInlineLimit: 0,
    // ECharts is one lazily loaded chunk of about this size.
    chunkSizeWarningLimit: 700,
  },
  server: {
    proxy: { '/api': server, '/t.js': server, '/demo': server, '/readyz': server },
  },
});

import type { Site } from '../api/types';

const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');

export const trackerSnippet = (site: Site): string =>
  `<script async src="${location.origin}/t.js" data-key="${escaped(site.write_key)}"></script>`;

/** The tag pinned to the version served now; the browser blocks any other bytes. */
export async function pinnedSnippet(site: Site): Promise<string> {
  const response = await fetch('/t.js');
  const hash = (response.headers.get('ETag') ?? '').replace(/^W\/|"/g, '');
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-384', await response.arrayBuffer()));
  const integrity = 'sha384-' + btoa(String.fromCharCode(...digest));
  return `<script async src="${location.origin}/t/${hash}.js" integrity="${integrity}" crossorigin data-key="${escaped(site.write_key)}"></script>`;
}

/** Hides undecided slots for at most one second from the first paint; the tracker sets `data-ashna-state` on decided ones. */
export const ANTI_FLICKER = `<style>
  [data-ashna-slot]:not([data-ashna-state]) { visibility: hidden; animation: ashna 0s 1s forwards !important }
  @keyframes ashna { to { visibility: visible } }
</style>`;

export const SLOT = `<div data-ashna-slot="home-hero">
  <p>Default content</p>
  <template>
    <h2 data-ashna-text="title"></h2>
    <p data-ashna-text="text"></p>
    <a data-ashna-href="url" data-ashna-text="cta"></a>
  </template>
</div>`;

import type { Site } from '../api/types';

const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');

export const trackerSnippet = (site: Site): string =>
  `<script async src="${location.origin}/t.js" data-key="${escaped(site.write_key)}"></script>`;

/** Keeps personalized places empty until they are decided; the page shows its own content after 300 ms at the latest. */
export const ANTI_FLICKER = `<style>
  @keyframes ashna-show { to { visibility: visible } }
  [data-ashna-slot]:not([data-ashna-ready]) { visibility: hidden; animation: ashna-show 0s 300ms forwards }
</style>`;

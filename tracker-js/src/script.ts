// The classic script: reads its settings from its tag, and its calls from the array that the page filled during loading.
import type { Ashna, Call, Options } from './types';
import { start } from './start';
import { guard } from './guard';

guard(() => {
  const tag = document.currentScript as HTMLScriptElement;
  const { api, global = 'ashna' } = tag.dataset;
  // Some tag managers drop unknown attributes, so the key may also be in the script's URL.
  const key = tag.dataset.key || /[?&]key=(\w+)/.exec(tag.src)?.[1];
  const page = window as unknown as Record<string, Ashna | Call[] | undefined>;
  // Matches `https://HOST/t.js` and `https://HOST/under/a/path/t/HASH.js`.
  const origin = api || tag.src.replace(/\/t[^t]*\.js.*/, '');
  const startTracker = guard(() => {
    const earlier = page[global] || [];
    if (!key) console.warn('Ashna: the script needs data-key="…", or ?key=… in its address');
    // A page with two tags still gets one tracker.
    if (key && 'pop' in earlier) page[global] = start({ ...(tag.dataset as object as Options), key, api: origin }, earlier);
  });
  // The debug script must be loaded before the tracker starts.
  if (location.search.includes('ashna_debug=')) import(origin + '/t/debug.js' + location.search).then(startTracker, startTracker);
  else startTracker();
})();

// The classic script: takes its settings from its own tag and its calls from the array that
// the page filled while it was loading.
import type { Ashna, Call, Options } from './types';
import { start } from './start';
import { guard } from './guard';

guard(() => {
  const tag = document.currentScript as HTMLScriptElement;
  const { api, global = 'ashna' } = tag.dataset;
  // Tag managers leave out attributes that they do not know: the key may stand in the script's address.
  const key = tag.dataset.key || /[?&]key=(\w+)/.exec(tag.src)?.[1];
  const page = window as unknown as Record<string, Ashna | Call[] | undefined>;
  // `https://HOST/t.js` and `https://HOST/under/a/path/t/HASH.js` alike.
  const origin = api || tag.src.replace(/\/t[^t]*\.js.*/, '');
  const begin = guard(() => {
    const earlier = page[global] || [];
    if (!key) console.warn('Ashna: the script needs data-key="…", or ?key=… in its address');
    // A page that has the tag twice has one tracker all the same.
    if (key && 'pop' in earlier) page[global] = start({ ...(tag.dataset as object as Options), key, api: origin }, earlier);
  });
  // The second file, which watches and tells, comes first.
  if (location.search.includes('ashna_debug=')) import(origin + '/t/debug.js' + location.search).then(begin, begin);
  else begin();
})();

// The classic script: takes its settings from its own tag and its calls from the array that
// the page filled while it was loading.
import { guard } from './guard';
import { start } from './start';
import type { Ashna, Call, Options } from './types';

guard(() => {
  const tag = (document.currentScript || document.querySelector('script[data-key]')) as HTMLScriptElement;
  const { key, api, consent, deadline, global = 'ashna' } = tag.dataset;
  const page = window as unknown as Record<string, Ashna | Call[] | undefined>;
  const earlier = page[global] ?? [];
  // A page that has the tag twice has one tracker all the same.
  if (!key || !Array.isArray(earlier)) return;
  page[global] = start(
    {
      key,
      api: api || new URL(tag.src).origin,
      consent: consent as NonNullable<Options['consent']>,
      deadline: +deadline!,
    },
    earlier,
  );
})();

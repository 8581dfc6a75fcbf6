import { type Key, t } from '../../i18n/index.svelte';

/** Segments that every site has; their names and descriptions are in the language being shown. */
const BUILTIN = ['new', 'returning', 'loyal', 'at-risk', 'lost', 'big-spenders', 'cart-abandoners', 'one-time-buyers'] as const;
const builtin = (id: string) => BUILTIN.find((name) => id === `builtin-${name}`);

export function segmentName({ id, name }: { id: string; name?: string }): string {
  const known = builtin(id);
  return known ? t(`builtin.${known}` satisfies Key) : name || id;
}

/** Who belongs to a built-in segment. */
export function segmentText(id: string): string | undefined {
  const known = builtin(id);
  return known && t(`builtin_text.${known}` satisfies Key);
}

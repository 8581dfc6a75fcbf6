import type { PreviewItem } from '../../api/recommendations';
import { type Key, t } from '../../i18n/index.svelte';

const KINDS = [
  'viewed_together',
  'similar_visits',
  'two_steps',
  'liked_category',
  'popular',
  'seen',
  'new',
  'pinned',
  'bought_together',
  'bought_after',
  'dearer',
  'alike',
] as const;

/** Why an item is shown, in the language being shown; an unknown kind falls back to the server's text. */
export function evidenceText({ evidence, grounds }: NonNullable<PreviewItem['explanation']>, nameOf: (item: string) => string): string {
  const kind = KINDS.find((known) => known === grounds.kind);
  const { item = '', category = '', visitors = 0, visits = 0, orders = 0 } = grounds;
  return kind ? t(`evidence.${kind}` satisfies Key, { item: nameOf(item), category, visitors, visits, orders }) : evidence;
}

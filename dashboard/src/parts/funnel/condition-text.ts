import type { Condition } from '../../api/types';
import { named, t } from '../../i18n/index.svelte';
import { dimensionOf, valueName } from '../values/values';

/** A condition on one line, such as "price > 10". */
export function conditionText({ property, op, value }: Condition): string {
  const name = property.startsWith('$') ? named('property', property.slice(1)) : property;
  // Values are isolated: a path keeps its slashes in a sentence of the other direction.
  const shown = (item: unknown) => `\u2068${valueName(dimensionOf(property), String(item))}\u2069`;
  if (op === 'exists' || op === 'not_exists') return `${name} ${t(`op.${op}`)}`;
  return `${name} ${t(`op.${op}`)} ${Array.isArray(value) ? value.map(shown).join(t('list.comma')) : shown(value)}`;
}

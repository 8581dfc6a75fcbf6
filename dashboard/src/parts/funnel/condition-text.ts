import type { Condition } from '../../api/types';
import { t } from '../../i18n/index.svelte';

/** A condition on one line, such as "price > 10". */
export function conditionText({ property, op, value }: Condition): string {
  const name = property.replace(/^\$/, '');
  if (op === 'exists') return `${name} ${t('op.exists')}`;
  return `${name} ${t(`op.${op}`)} ${Array.isArray(value) ? value.join(', ') : String(value)}`;
}

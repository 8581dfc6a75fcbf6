import type { FieldRule, Rule } from '../../api/types';
import { t } from '../../i18n/index.svelte';
import * as format from '../../i18n/format';
import { valueName } from '../values/values';
import { DIMENSIONS, type Field, FIELDS } from './rule';

/** A rule as a sentence. */
export function ruleText(rule: Rule, currency: string): string {
  if ('all' in rule) return joined(rule.all as Rule[], t('rule.and'), currency);
  if ('any' in rule) return joined(rule.any as Rule[], t('rule.or'), currency);
  if ('not' in rule) return t('rule.not', { rule: ruleText(rule.not as Rule, currency) });
  if ('field' in rule) return fieldText(rule as FieldRule, currency);
  // Past events and segments are edited as JSON, and shown so.
  return Object.keys(rule).length === 0 ? t('rule.everyone') : JSON.stringify(rule);
}

function joined(rules: Rule[], conjunction: string, currency: string): string {
  const text = (inner: Rule) => ('all' in inner || 'any' in inner ? `(${ruleText(inner, currency)})` : ruleText(inner, currency));
  return rules.map(text).join(` ${conjunction} `) || t('rule.everyone');
}

function fieldText({ field, op, value }: FieldRule, currency: string): string {
  const known = field in FIELDS ? (field as Field) : undefined;
  const name = known ? t(`field.${known}`) : field;
  if (op === 'exists' || op === 'not_exists') return `${name} ${t(`op.${op}`)}`;
  if (known === 'new_visitor') return `${name}: ${value === false ? t('rule.no') : t('rule.yes')}`;
  const shown = (item: unknown) => (known === 'cart_value_minor' ? format.storedMoney(Number(item), currency) : known ? valueName(DIMENSIONS[known], String(item)) : String(item));
  return `${name} ${t(`op.${op}`)} ${Array.isArray(value) ? value.map(shown).join(t('list.comma')) : shown(value)}`;
}

import type { EventRule, FieldRule, Rule, SegmentRule } from '../../api/types';
import { named, t } from '../../i18n/index.svelte';
import * as format from '../../i18n/format';
import { conditionText } from '../funnel/condition-text';
import { segmentName } from '../segments/names';
import { valueName } from '../values/values';
import { DIMENSIONS, type Field, FIELDS } from './rule';

/** Names of segments by id, as far as they are known. */
type Names = (id: string) => string;

/** A rule as a sentence. */
export function ruleText(rule: Rule, currency: string, names: Names = (id) => segmentName({ id })): string {
  if ('all' in rule) return joined(rule.all as Rule[], t('rule.and'), currency, names);
  if ('any' in rule) return joined(rule.any as Rule[], t('rule.or'), currency, names);
  if ('not' in rule) {
    const inner = rule.not as Rule;
    return pastText(inner, names, false) ?? t('rule.not', { rule: ruleText(inner, currency, names) });
  }
  if ('field' in rule) return fieldText(rule as FieldRule, currency);
  const past = pastText(rule, names, true);
  if (past !== undefined) return past;
  // Sequences are edited as JSON, and shown so.
  return Object.keys(rule).length === 0 ? t('rule.everyone') : JSON.stringify(rule);
}

function joined(rules: Rule[], conjunction: string, currency: string, names: Names): string {
  const text = (inner: Rule) => ('all' in inner || 'any' in inner ? `(${ruleText(inner, currency, names)})` : ruleText(inner, currency, names));
  return rules.map(text).join(` ${conjunction} `) || t('rule.everyone');
}

/** Past events and segments; undefined for other rules. */
function pastText(rule: Rule, names: Names, holds: boolean): string | undefined {
  if ('segment' in rule) return t(holds ? 'rule.text_inside' : 'rule.text_outside', { segment: names((rule as SegmentRule).segment) });
  if (!('event' in rule) || ('not_followed_by' in rule && rule.not_followed_by)) return undefined;
  const { event, where, count, sum, within_days } = rule as EventRule;
  const name = event === 'page' ? t('funnel.any_page') : named('event', event);
  const filter = (where ?? []).map(conditionText).join(t('list.comma'));
  return [
    t(holds ? 'rule.text_did' : 'rule.text_did_not', { event: name, filter: filter && ` (${filter})` }),
    ...(count ? [`${t(`op.${count.op}`)} ${number(count.value)} ${t('rule.times')}`] : []),
    ...(sum ? [`${t('rule.sum_of')} ${sum.property} ${t(`op.${sum.op}`)} ${number(sum.value)}`] : []),
    ...(within_days == null ? [] : [t('rule.text_within', { days: within_days })]),
  ].join(t('list.comma'));
}
const number = (value: unknown): string => (typeof value === 'number' ? format.number(value) : String(value));

function fieldText({ field, op, value }: FieldRule, currency: string): string {
  const known = field in FIELDS ? (field as Field) : undefined;
  const name = known ? t(`field.${known}`) : field;
  if (op === 'exists' || op === 'not_exists') return `${name} ${t(`op.${op}`)}`;
  if (known === 'new_visitor') return `${name}: ${value === false ? t('rule.no') : t('rule.yes')}`;
  const shown = (item: unknown) => (known && FIELDS[known] === 'money' ? format.storedMoney(Number(item), currency) : known ? valueName(DIMENSIONS[known], String(item)) : String(item));
  return `${name} ${t(`op.${op}`)} ${Array.isArray(value) ? value.map(shown).join(t('list.comma')) : shown(value)}`;
}

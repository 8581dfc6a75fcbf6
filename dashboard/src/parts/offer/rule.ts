import type { FieldRule, Rule, RuleOp, Scalar } from '../../api/types';
import { toNumber } from '../../i18n/digits';
import { toMinorUnits, typed } from '../../i18n/amount';
import * as tree from '../rule/tree';
import { type EventLeaf, readEvent, readSegment, type SegmentLeaf, writeEvent, writeSegment } from '../rule/past';
import { hasNoValue, isList } from '../funnel/draft';
import type { Dimension } from '../values/values';

/** A condition on a visitor while being edited. */
export type Leaf = { key: number; kind: 'field'; field: Field; trait: string; op: RuleOp; value: string };
/** All conditions on people. */
export type PeopleLeaf = Leaf | EventLeaf | SegmentLeaf;
export type Group = tree.Group<PeopleLeaf>;

type FieldKind = 'text' | 'number' | 'money' | 'flag';
export const FIELDS = {
  affinity: 'text',
  brand_affinity: 'text',
  tag_affinity: 'text',
  viewed_category: 'text',
  bought_category: 'text',
  new_visitor: 'flag',
  visits: 'number',
  pageviews: 'number',
  cart_items: 'number',
  cart_value_minor: 'money',
  orders: 'number',
  orders_value_minor: 'money',
  last_seen_days: 'number',
  first_seen_days: 'number',
  value_decile: 'number',
  predicted_value_minor: 'money',
  alive_probability: 'number',
  'rfm.recency': 'number',
  'rfm.frequency': 'number',
  'rfm.monetary': 'number',
  channel: 'text',
  source: 'text',
  campaign: 'text',
  country: 'text',
  device: 'text',
  url_path: 'text',
  contact_channel: 'text',
  user_id: 'text',
  trait: 'text',
} as const satisfies Record<string, FieldKind>;
export type Field = keyof typeof FIELDS;
export const FIELD_NAMES = Object.keys(FIELDS) as Field[];

/** Fields whose existing values are offered. */
export const DIMENSIONS: Partial<Record<Field, Dimension>> = {
  affinity: 'category',
  viewed_category: 'category',
  bought_category: 'category',
  channel: 'channel',
  source: 'source',
  campaign: 'campaign',
  country: 'country',
  device: 'device',
  url_path: 'path',
};
export const CATEGORY_FIELDS: string[] = FIELD_NAMES.filter((field) => DIMENSIONS[field] === 'category');

const OPS: Record<FieldKind, RuleOp[]> = {
  text: ['eq', 'ne', 'in', 'not_in', 'contains', 'not_contains', 'starts_with', 'exists', 'not_exists'],
  number: ['gte', 'gt', 'eq', 'ne', 'lte', 'lt'],
  money: ['gte', 'gt', 'eq', 'ne', 'lte', 'lt'],
  flag: ['eq'],
};
export const operatorsFor = (field: Field): RuleOp[] => OPS[FIELDS[field]];

export const newLeaf = (): Leaf => ({ key: tree.newKey(), kind: 'field', field: 'affinity', trait: '', op: 'eq', value: '' });
const leaves = (currency: string): tree.Leaves<PeopleLeaf> => ({
  read: (rule) => toLeaf(rule, currency),
  readOther: (rule) => readEvent(rule) ?? readSegment(rule),
  write: (leaf) => (leaf.kind === 'event' ? writeEvent(leaf) : leaf.kind === 'segment' ? writeSegment(leaf) : toFieldRule(leaf, currency)),
});
export const toGroup = (rule: Rule, currency: string): Group => tree.toGroup(rule, leaves(currency));
export const toRule = (group: Group, currency: string): Rule => tree.toRule(group, leaves(currency));
export const isComplete = (group: Group, currency: string): boolean => tree.isComplete(group, leaves(currency));

function toLeaf({ field, op, value }: FieldRule, currency: string): Leaf | undefined {
  const isTrait = field.startsWith('trait.');
  const name = isTrait ? 'trait' : FIELD_NAMES.find((known) => known === field && known !== 'trait');
  if (!name || !operatorsFor(name).includes(op)) return undefined;
  const shown = (item: unknown) => (FIELDS[name] === 'money' ? (typed(item, currency) ?? '') : String(item ?? ''));
  return {
    ...newLeaf(),
    field: name,
    trait: isTrait ? field.slice('trait.'.length) : '',
    op,
    value: Array.isArray(value) ? value.map(shown).join(', ') : shown(value),
  };
}

function toFieldRule(leaf: Leaf, currency: string): FieldRule | undefined {
  const field = leaf.field === 'trait' ? `trait.${leaf.trait.trim()}` : leaf.field;
  if (leaf.field === 'trait' && !leaf.trait.trim()) return undefined;
  if (hasNoValue(leaf.op)) return { field, op: leaf.op };
  const text = leaf.value.trim();
  if (FIELDS[leaf.field] === 'flag') return { field, op: 'eq', value: text !== 'false' };
  if (!text) return undefined;
  if (isList(leaf.op)) return { field, op: leaf.op, value: text.split(/[,،]/).map((part) => part.trim()).filter(Boolean) };
  const value = scalar(leaf.field, text, currency);
  return value === undefined ? undefined : { field, op: leaf.op, value };
}

function scalar(field: Field, text: string, currency: string): Scalar | undefined {
  const kind: FieldKind = FIELDS[field];
  if (kind === 'text') return text;
  if (kind === 'number') return toNumber(text);
  const minor = toMinorUnits(text, currency);
  return typeof minor === 'number' ? minor : undefined;
}

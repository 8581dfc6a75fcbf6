import type { FieldRule, Rule, RuleOp, Scalar } from '../../api/types';
import { latinDigits } from '../../i18n/digits';
import { exponent } from '../../i18n/format';

/** A rule while it is being edited: a tree of groups whose leaves compare one field. */
export type Leaf = { key: number; kind: 'field'; field: Field; trait: string; op: RuleOp; value: string };
export type Group = { key: number; kind: 'all' | 'any' | 'none'; rules: (Leaf | Group)[] };

type FieldKind = 'text' | 'number' | 'money' | 'flag';
export const FIELDS = {
  affinity: 'text',
  viewed_category: 'text',
  bought_category: 'text',
  new_visitor: 'flag',
  visits: 'number',
  pageviews: 'number',
  cart_items: 'number',
  cart_value_minor: 'money',
  orders: 'number',
  channel: 'text',
  source: 'text',
  campaign: 'text',
  country: 'text',
  device: 'text',
  url_path: 'text',
  user_id: 'text',
  trait: 'text',
} as const satisfies Record<string, FieldKind>;
export type Field = keyof typeof FIELDS;
export const FIELD_NAMES = Object.keys(FIELDS) as Field[];

const OPS: Record<FieldKind, RuleOp[]> = {
  text: ['eq', 'ne', 'in', 'contains', 'starts_with', 'exists'],
  number: ['gte', 'gt', 'eq', 'ne', 'lte', 'lt'],
  money: ['gte', 'gt', 'eq', 'ne', 'lte', 'lt'],
  flag: ['eq'],
};
export const opsOf = (field: Field): RuleOp[] => OPS[FIELDS[field]];
export const DEPTH_MAX = 4;

let lastKey = 0;
export const newGroup = (kind: Group['kind'] = 'all', rules: Group['rules'] = []): Group => ({ key: ++lastKey, kind, rules });
export const newLeaf = (): Leaf => ({ key: ++lastKey, kind: 'field', field: 'affinity', trait: '', op: 'eq', value: '' });

export function groupOf(rule: Rule, currency: string): Group {
  const read = (inner: Rule): Leaf | Group | undefined => {
    if ('all' in inner) return newGroup('all', many(inner.all as Rule[]));
    if ('any' in inner) return newGroup('any', many(inner.any as Rule[]));
    if ('not' in inner) {
      const negated = inner.not as Rule;
      return newGroup('none', 'any' in negated ? many(negated.any as Rule[]) : many([negated]));
    }
    return 'field' in inner ? leafOf(inner as FieldRule, currency) : undefined;
  };
  const many = (rules: Rule[]) => rules.map(read).filter((node) => node !== undefined);
  const node = read(rule);
  if (!node) return newGroup();
  return node.kind === 'field' ? newGroup('all', [node]) : node;
}

function leafOf({ field, op, value }: FieldRule, currency: string): Leaf {
  const isTrait = field.startsWith('trait.');
  const name = isTrait ? 'trait' : (field as Field);
  const text = Array.isArray(value) ? value.join(', ') : String(value ?? '');
  return {
    ...newLeaf(),
    field: name in FIELDS ? name : 'affinity',
    trait: isTrait ? field.slice('trait.'.length) : '',
    op,
    value: FIELDS[name] === 'money' ? String(Number(text) / 10 ** exponent(currency)) : text,
  };
}

/** The rule to save; unfinished leaves and empty groups are left out, and nothing left means everyone. */
export function ruleOf(group: Group, currency: string): Rule {
  const rules = group.rules
    .map((node) => (node.kind === 'field' ? fieldRuleOf(node, currency) : ruleOf(node, currency)))
    .filter((rule) => rule !== undefined && Object.keys(rule).length > 0) as Rule[];
  if (rules.length === 0) return {};
  if (group.kind === 'none') return { not: { any: rules } };
  return group.kind === 'any' ? { any: rules } : { all: rules };
}

function fieldRuleOf(leaf: Leaf, currency: string): FieldRule | undefined {
  const field = leaf.field === 'trait' ? `trait.${leaf.trait.trim()}` : leaf.field;
  if (leaf.field === 'trait' && !leaf.trait.trim()) return undefined;
  if (leaf.op === 'exists') return { field, op: 'exists' };
  const text = leaf.value.trim();
  if (FIELDS[leaf.field] === 'flag') return { field, op: 'eq', value: text !== 'false' };
  if (!text) return undefined;
  if (leaf.op === 'in') return { field, op: 'in', value: text.split(/[,،]/).map((part) => part.trim()).filter(Boolean) };
  const value = scalar(leaf.field, text, currency);
  return value === undefined ? undefined : { field, op: leaf.op, value };
}

function scalar(field: Field, text: string, currency: string): Scalar | undefined {
  const kind: FieldKind = FIELDS[field];
  if (kind === 'text') return text;
  const number = Number(latinDigits(text));
  if (!Number.isFinite(number)) return undefined;
  return kind === 'money' ? Math.round(number * 10 ** exponent(currency)) : number;
}

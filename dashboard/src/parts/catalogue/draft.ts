import type { FieldRule, Rule, RuleOp, MerchandisingRules } from '../../api/types';
import { latinDigits, toNumber } from '../../i18n/digits';
import { amounts, toMinorUnits, typed } from '../../i18n/amount';
import { type Group, toGroup, type Leaves, newGroup, newKey, toRule } from '../rule/tree';

export const FIELDS = ['category', 'brand', 'tag', 'price_minor', 'language', 'item_group', 'title', 'id', 'attribute'] as const;
export const OPS = ['eq', 'ne', 'in', 'contains', 'starts_with', 'exists', 'gt', 'gte', 'lt', 'lte'] as const satisfies RuleOp[];

/** Operators of a field. Every item has a price, and it is compared as a number. */
export const operatorsFor = (field: Condition['field']): RuleOp[] =>
  field === 'price_minor' ? ['lte', 'gte', 'lt', 'gt', 'eq', 'ne', 'in'] : field === 'attribute' ? [...OPS] : OPS.filter((op) => !SIZES.includes(op));
const SIZES: RuleOp[] = ['gt', 'gte', 'lt', 'lte'];

/** A condition while being edited. */
export type Condition = { key: number; kind: 'field'; field: (typeof FIELDS)[number]; attribute: string; op: RuleOp; value: string };

/** Merchandising rules while being edited: numbers as typed, lists separated by commas. */
export type Draft = {
  only: Group<Condition>;
  exclude: { items: string; categories: string; brands: string };
  pins: { key: number; item: string; position: string }[];
  boosts: { key: number; when: Group<Condition>; percent: string }[];
  hide_bought: '' | 'yes' | 'no';
  same_language: '' | 'yes' | 'no';
  diversity_by: '' | 'category' | 'brand' | 'group';
  at_most: string;
  band_from: string;
  band_to: string;
  lift: string;
  half_life: string;
  max_age: string;
  shown_max: string;
  rest_hours: string;
};

export const newCondition = (): Condition => ({ key: newKey(), kind: 'field', field: 'category', attribute: '', op: 'eq', value: '' });
export const newBoost = (): Draft['boosts'][number] => ({ key: newKey(), when: newGroup('all', [newCondition()]), percent: '150' });

/** Prices are shown and typed as people write them, and stored in the currency's smallest unit. */
function toCondition({ field, op, value }: FieldRule, currency: string): Condition | undefined {
  const isAttribute = field.startsWith('attribute.');
  const name = isAttribute ? 'attribute' : FIELDS.find((known) => known === field && known !== 'attribute');
  if (!name || !operatorsFor(name).includes(op)) return undefined;
  const shown = (one: unknown) => (name === 'price_minor' ? (typed(one, currency) ?? '') : String(one ?? ''));
  return {
    ...newCondition(),
    field: name,
    attribute: isAttribute ? field.slice('attribute.'.length) : '',
    op,
    value: Array.isArray(value) ? value.map(shown).join(', ') : shown(value),
  };
}
const leaves = (currency: string): Leaves<Condition> => ({
  read: (rule) => toCondition(rule, currency),
  write: (condition) => toFieldRule(condition, currency),
});

const joined = (list: string[] | undefined) => (list ?? []).join(', ');
const flag = (value: boolean | undefined) => (value === undefined ? '' : value ? 'yes' : 'no');
const shown = (value: number | undefined) => (value === undefined ? '' : String(value));

export function toDraft(rules: MerchandisingRules, currency: string): Draft {
  const tree = (rule: Rule) => toGroup(rule, leaves(currency));
  return {
    only: tree(rules.only ?? {}),
    exclude: { items: joined(rules.exclude?.items), categories: joined(rules.exclude?.categories), brands: joined(rules.exclude?.brands) },
    pins: (rules.pins ?? []).map((pin) => ({ key: newKey(), item: pin.item, position: String(pin.position) })),
    boosts: (rules.boosts ?? []).map((boost) => ({ key: newKey(), when: tree(boost.when), percent: String(boost.percent) })),
    hide_bought: flag(rules.hide_bought),
    same_language: flag(rules.same_language),
    diversity_by: rules.diversity?.by ?? '',
    at_most: shown(rules.diversity?.at_most),
    band_from: shown(rules.price_band?.from_percent),
    band_to: shown(rules.price_band?.to_percent),
    lift: shown(rules.freshness?.lift_percent),
    half_life: shown(rules.freshness?.half_life_days),
    max_age: shown(rules.freshness?.max_age_days),
    shown_max: shown(rules.fatigue?.shown_max),
    rest_hours: shown(rules.fatigue?.rest_hours),
  };
}

function toFieldRule({ field, attribute, op, value }: Condition, currency: string): FieldRule | undefined {
  const name = field === 'attribute' ? `attribute.${attribute.trim()}` : field;
  if (name === 'attribute.') return undefined;
  if (op === 'exists') return { field: name, op };
  if (field === 'price_minor') {
    const prices = (op === 'in' ? amounts(value) : [value]).map((text) => toMinorUnits(text, currency)).filter((minor) => typeof minor === 'number');
    const [first] = prices;
    return first === undefined ? undefined : { field: name, op, value: op === 'in' ? prices : first };
  }
  const text = value.trim();
  if (!text) return undefined;
  if (op === 'in') return { field: name, op, value: list(text) };
  return { field: name, op, value: SIZES.includes(op) ? (toNumber(text) ?? text) : text };
}

const list = (text: string) => text.split(/[,،]/).map((part) => part.trim()).filter(Boolean);
const whole = (text: string) => Number(latinDigits(text.trim()));

/** The rules to save; empty inputs are left out. */
export function toRules(draft: Draft, currency: string): MerchandisingRules {
  const ifSet = <T>(input: string, value: () => T) => (input.trim() === '' ? undefined : value());
  const rule = (tree: Group<Condition>) => toRule(tree, leaves(currency));
  const fresh = [draft.lift, draft.half_life, draft.max_age].join('');
  const rules: MerchandisingRules = {
    only: rule(draft.only),
    exclude: { items: list(draft.exclude.items), categories: list(draft.exclude.categories), brands: list(draft.exclude.brands) },
    pins: draft.pins.map((pin) => ({ item: pin.item.trim(), position: whole(pin.position) })),
    boosts: draft.boosts.map((boost) => ({ when: rule(boost.when), percent: whole(boost.percent) })),
    hide_bought: ifSet(draft.hide_bought, () => draft.hide_bought === 'yes'),
    same_language: ifSet(draft.same_language, () => draft.same_language === 'yes'),
    diversity: draft.diversity_by === '' ? undefined : { by: draft.diversity_by, at_most: whole(draft.at_most || '1') },
    price_band: ifSet(draft.band_to + draft.band_from, () => ({ from_percent: whole(draft.band_from || '0'), to_percent: whole(draft.band_to || '10000') })),
    freshness: ifSet(fresh, () => ({
      lift_percent: whole(draft.lift || '0'),
      half_life_days: whole(draft.half_life || '14'),
      max_age_days: ifSet(draft.max_age, () => whole(draft.max_age)),
    })),
    fatigue: ifSet(draft.shown_max, () => ({ shown_max: whole(draft.shown_max), rest_hours: whole(draft.rest_hours || '24') })),
  };
  return rules;
}

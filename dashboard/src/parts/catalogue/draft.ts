import type { FieldRule, Rule, RuleOp, Scalar, ShelfRules } from '../../api/types';
import { latinDigits } from '../../i18n/digits';

export const FIELDS = ['category', 'brand', 'tag', 'price_minor', 'language', 'item_group', 'title', 'id', 'attribute'] as const;
export const OPS = ['eq', 'ne', 'in', 'contains', 'starts_with', 'exists', 'gt', 'gte', 'lt', 'lte'] as const satisfies RuleOp[];

/** One comparison while it is edited. */
export type Condition = { key: number; field: (typeof FIELDS)[number]; attribute: string; op: RuleOp; value: string };

/** Rules for shelves while they are edited: numbers as they are typed, lists with commas. */
export type Draft = {
  only: Condition[];
  /** A rule that this form cannot show; it is kept as it is. */
  kept: Rule | undefined;
  exclude: { items: string; categories: string; brands: string };
  pins: { key: number; item: string; position: string }[];
  boosts: { condition: Condition; percent: string; kept: Rule | undefined }[];
  hide_bought: '' | 'yes' | 'no';
  same_language: '' | 'yes' | 'no';
  alike: '' | 'category' | 'brand' | 'group';
  at_most: string;
  band_from: string;
  band_to: string;
  lift: string;
  half_life: string;
  max_age: string;
  shown_max: string;
  rest_hours: string;
};

let lastKey = 0;
export const newCondition = (): Condition => ({ key: ++lastKey, field: 'category', attribute: '', op: 'eq', value: '' });

function conditionOf(rule: Rule): Condition | undefined {
  if (!('field' in rule)) return undefined;
  const { field, op, value } = rule as FieldRule;
  const name = field.startsWith('attribute.') ? 'attribute' : FIELDS.find((known) => known === field);
  if (!name) return undefined;
  const text = Array.isArray(value) ? value.join(', ') : String(value ?? '');
  return { ...newCondition(), field: name, attribute: field.startsWith('attribute.') ? field.slice(10) : '', op, value: text };
}

/** The conditions of a rule that are all to hold, or undefined when it is more than that. */
function flat(rule: Rule): Condition[] | undefined {
  if (Object.keys(rule).length === 0) return [];
  const parts = ('all' in rule ? (rule.all as Rule[]) : [rule]).map(conditionOf);
  return parts.every((part) => part !== undefined) ? parts : undefined;
}

const words = (list: string[] | undefined) => (list ?? []).join(', ');
const flag = (value: boolean | undefined) => (value === undefined ? '' : value ? 'yes' : 'no');
const shown = (value: number | undefined) => (value === undefined ? '' : String(value));

export function draftOf(rules: ShelfRules): Draft {
  const only = flat(rules.only ?? {});
  return {
    only: only ?? [],
    kept: only ? undefined : rules.only,
    exclude: { items: words(rules.exclude?.items), categories: words(rules.exclude?.categories), brands: words(rules.exclude?.brands) },
    pins: (rules.pins ?? []).map((pin) => ({ key: ++lastKey, item: pin.item, position: String(pin.position) })),
    boosts: (rules.boosts ?? []).map((boost) => {
      const [condition, ...more] = flat(boost.when) ?? [];
      const simple = condition !== undefined && more.length === 0;
      return { condition: condition ?? newCondition(), percent: String(boost.percent), kept: simple ? undefined : boost.when };
    }),
    hide_bought: flag(rules.hide_bought),
    same_language: flag(rules.same_language),
    alike: rules.diversity?.by ?? '',
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

function ruleOf({ field, attribute, op, value }: Condition): Rule {
  const name = field === 'attribute' ? `attribute.${attribute.trim()}` : field;
  if (op === 'exists') return { field: name, op };
  if (op === 'in') return { field: name, op, value: list(value) };
  const number = Number(latinDigits(value.trim()));
  const asNumber = field === 'price_minor' || ['gt', 'gte', 'lt', 'lte'].includes(op);
  const told: Scalar = asNumber && value.trim() !== '' && Number.isFinite(number) ? number : value.trim();
  return { field: name, op, value: told };
}

const list = (text: string) => text.split(/[,،]/).map((part) => part.trim()).filter(Boolean);
const whole = (text: string) => Number(latinDigits(text.trim()));

/** The rules to save; what was left empty is not said. */
export function rulesOf(draft: Draft): ShelfRules {
  const said = <T>(here: string, value: () => T) => (here.trim() === '' ? undefined : value());
  const only = draft.kept ?? (draft.only.length ? { all: draft.only.map(ruleOf) } : {});
  const fresh = [draft.lift, draft.half_life, draft.max_age].join('');
  const rules: ShelfRules = {
    only,
    exclude: { items: list(draft.exclude.items), categories: list(draft.exclude.categories), brands: list(draft.exclude.brands) },
    pins: draft.pins.map((pin) => ({ item: pin.item.trim(), position: whole(pin.position) })),
    boosts: draft.boosts.map((boost) => ({ when: boost.kept ?? ruleOf(boost.condition), percent: whole(boost.percent) })),
    hide_bought: said(draft.hide_bought, () => draft.hide_bought === 'yes'),
    same_language: said(draft.same_language, () => draft.same_language === 'yes'),
    diversity: draft.alike === '' ? undefined : { by: draft.alike, at_most: whole(draft.at_most || '1') },
    price_band: said(draft.band_to + draft.band_from, () => ({ from_percent: whole(draft.band_from || '0'), to_percent: whole(draft.band_to || '10000') })),
    freshness: said(fresh, () => ({
      lift_percent: whole(draft.lift || '0'),
      half_life_days: whole(draft.half_life || '14'),
      max_age_days: said(draft.max_age, () => whole(draft.max_age)),
    })),
    fatigue: said(draft.shown_max, () => ({ shown_max: whole(draft.shown_max), rest_hours: whole(draft.rest_hours || '24') })),
  };
  return rules;
}

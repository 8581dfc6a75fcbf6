import type { Condition, FunnelOp, FunnelOrder, FunnelQuery, FunnelStep, Scalar, Schema } from '../../api/types';
import { toNumber } from '../../i18n/digits';

/** A funnel while being edited: inputs hold text, and each row has a key. */
export type DraftCondition = { key: number; property: string; op: FunnelOp; value: string };
export type DraftStep = { key: number; event: string; where: DraftCondition[] };
export type Draft = {
  name: string;
  steps: DraftStep[];
  order: FunnelOrder;
  /** In strict order: whether passive events may occur between two steps. */
  allowPassive: boolean;
  windowCount: number;
  windowUnit: Unit;
  exclude: DraftStep[];
  breakdown: string;
};

export const UNIT_MS = { minute: 60_000, hour: 3_600_000, day: 86_400_000 } as const;
export type Unit = keyof typeof UNIT_MS;
export const UNITS = Object.keys(UNIT_MS) as Unit[];
export const OPS: FunnelOp[] = ['eq', 'ne', 'contains', 'starts_with', 'gt', 'gte', 'lt', 'lte', 'in', 'not_in', 'not_contains', 'exists', 'not_exists'];
export const hasNoValue = (op: FunnelOp): boolean => op === 'exists' || op === 'not_exists';
export const isList = (op: FunnelOp): boolean => op === 'in' || op === 'not_in';
export const COLUMNS = [
  '$path', '$host', '$title', '$referrer_host', '$channel', '$source', '$medium', '$campaign', '$device', '$os',
  '$browser', '$country', '$city', '$language', '$item', '$category', '$user_id',
];
export const STEPS_MAX = 12;
/** Events that the script records without any action of the visitor. */
export const PASSIVE = ['Page Engaged', 'Web Vitals', 'Error Occurred', 'Slot Viewed', 'Decision Late'];

let lastKey = 0;
export const newStep = (event = ''): DraftStep => ({ key: ++lastKey, event, where: [] });
export const newCondition = (): DraftCondition => ({ key: ++lastKey, property: '', op: 'eq', value: '' });

const SHOP = ['Product Viewed', 'Product Added', 'Checkout Started', 'Order Completed'];

/** The initial funnel: the shopping steps for which the site sends events. */
export function firstDraft(schema: Schema | undefined, name: string): Draft {
  const known = SHOP.filter((event) => schema?.events.some((other) => other.name === event && other.count > 0));
  const events = known.length >= 2 ? known : ['page', ''];
  return {
    name, steps: events.map(newStep), order: 'sequential', allowPassive: true, windowCount: 7, windowUnit: 'day', exclude: [], breakdown: '',
  };
}

export function toDraft(name: string, question: FunnelQuery): Draft {
  const unit = [...UNITS].reverse().find((candidate) => question.window_ms % UNIT_MS[candidate] === 0) ?? 'minute';
  const step = (from: FunnelStep): DraftStep => ({ ...newStep(from.event), where: (from.where ?? []).map(readCondition) });
  return {
    name,
    steps: question.steps.map(step),
    order: question.order,
    allowPassive: question.order !== 'strict' || (question.ignore ?? []).length > 0,
    windowCount: Math.max(1, Math.round(question.window_ms / UNIT_MS[unit])),
    windowUnit: unit,
    exclude: (question.exclude ?? []).map(step),
    breakdown: question.breakdown ?? '',
  };
}

export const readCondition = ({ property, op, value }: Condition): DraftCondition => ({
  ...newCondition(),
  property,
  op,
  value: Array.isArray(value) ? value.join(', ') : String(value ?? ''),
});

/** The conversion window; undefined if it is not 1 ms to 366 days. */
export function windowMs({ windowCount, windowUnit }: Draft): number | undefined {
  const ms = Math.round(windowCount * UNIT_MS[windowUnit]);
  return ms > 0 && ms <= 366 * UNIT_MS.day ? ms : undefined;
}

/** The steps that have an event. */
export const namedSteps = (draft: Draft): DraftStep[] => draft.steps.filter((step) => step.event.trim() !== '');

/** The query of the completed steps; undefined with fewer than two, or without a valid window. */
export function toQuery(draft: Draft): FunnelQuery | undefined {
  const steps = draft.steps.map(toStep).filter((step) => step !== undefined);
  const window_ms = windowMs(draft);
  if (steps.length < 2 || window_ms === undefined) return undefined;
  const exclude = draft.exclude.map(toStep).filter((step) => step !== undefined);
  const question: FunnelQuery = { steps, order: draft.order, window_ms };
  if (draft.order === 'strict' && draft.allowPassive) question.ignore = PASSIVE;
  if (exclude.length > 0) question.exclude = exclude;
  if (draft.breakdown.trim()) question.breakdown = draft.breakdown.trim();
  return question;
}

function toStep({ event, where }: DraftStep): FunnelStep | undefined {
  if (!event.trim()) return undefined;
  const conditions = where.map(toCondition).filter((condition) => condition !== undefined);
  return conditions.length > 0 ? { event: event.trim(), where: conditions } : { event: event.trim() };
}

export function toCondition({ property, op, value }: DraftCondition): Condition | undefined {
  const name = property.trim();
  if (!name || (!hasNoValue(op) && !value.trim())) return undefined;
  if (hasNoValue(op)) return { property: name, op };
  if (isList(op)) return { property: name, op, value: value.split(/[,،]/).map((part) => scalar(name, part)) };
  return { property: name, op, value: ['contains', 'not_contains', 'starts_with'].includes(op) ? value : scalar(name, value) };
}

/** Columns (`$…`) are text; property values that parse as a number are sent as numbers, unless that rounds them. */
function scalar(property: string, text: string): Scalar {
  const trimmed = text.trim();
  return property.startsWith('$') ? trimmed : (toNumber(trimmed) ?? trimmed);
}

export function moved<I>(list: I[], from: number, to: number): I[] {
  const result = [...list];
  const [item] = result.splice(from, 1);
  if (item !== undefined) result.splice(to, 0, item);
  return result;
}

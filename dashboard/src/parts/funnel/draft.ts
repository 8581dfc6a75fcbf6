import type { Condition, FunnelEvent, FunnelExclusion, FunnelOp, FunnelOrder, FunnelQuery, FunnelStep, Scalar, Schema } from '../../api/types';
import { toNumber } from '../../i18n/digits';

/** A funnel while being edited: inputs hold text, and each row has a key. */
export type DraftCondition = { key: number; property: string; op: FunnelOp; value: string };
/** One event with its conditions. */
export type DraftStep = { key: number; event: string; where: DraftCondition[] };
/** A step of the funnel: any of several events, which may be left out by visitors if it is optional. */
export type DraftFunnelStep = DraftStep & { others: DraftStep[]; optional: boolean };
/** An excluded event; `from` and `to` are numbers of steps, or '' for anywhere. */
export type DraftExclusion = DraftStep & { from: string; to: string; effect: 'stop' | 'remove' };
export type Draft = {
  name: string;
  steps: DraftFunnelStep[];
  order: FunnelOrder;
  /** In strict order: whether passive events may occur between two steps. */
  allowPassive: boolean;
  windowCount: number;
  windowUnit: Unit;
  /** Whether all steps must happen in one session. */
  perSession: boolean;
  exclude: DraftExclusion[];
  breakdown: string;
  /** The event whose value counts: `first`, `last`, or the number of a step. */
  breakdownAt: string;
  trend: Trend | '';
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
/** Breaks down by membership in segments. */
export const BY_SEGMENT = '$segment';
export const TRENDS = ['day', 'week', 'month'] as const;
export type Trend = (typeof TRENDS)[number];
export const STEPS_MAX = 12;
/** Events that the script records without any action of the visitor. */
export const PASSIVE = ['Page Engaged', 'Web Vitals', 'Error Occurred', 'Slot Viewed', 'Decision Late'];

let lastKey = 0;
export const newStep = (event = ''): DraftStep => ({ key: ++lastKey, event, where: [] });
export const newFunnelStep = (event = ''): DraftFunnelStep => ({ ...newStep(event), others: [], optional: false });
export const newExclusion = (): DraftExclusion => ({ ...newStep(), from: '', to: '', effect: 'stop' });
export const newCondition = (): DraftCondition => ({ key: ++lastKey, property: '', op: 'eq', value: '' });

const SHOP = ['Product Viewed', 'Product Added', 'Checkout Started', 'Order Completed'];

/** The initial funnel: the shopping steps for which the site sends events. */
export function firstDraft(schema: Schema | undefined, name: string): Draft {
  const known = SHOP.filter((event) => schema?.events.some((other) => other.name === event && other.count > 0));
  const events = known.length >= 2 ? known : ['page', ''];
  return {
    name, steps: events.map(newFunnelStep), order: 'sequential', allowPassive: true, windowCount: 7, windowUnit: 'day', perSession: false,
    exclude: [], breakdown: '', breakdownAt: 'first', trend: '',
  };
}

export const readStep = ({ event, where }: { event: string; where?: Condition[] | undefined }): DraftStep => ({ ...newStep(event), where: (where ?? []).map(readCondition) });

function readFunnelStep(from: FunnelStep): DraftFunnelStep {
  const [first, ...others] = ('any' in from ? from.any : [from]).map(readStep);
  return { ...(first ?? newStep()), others, optional: from.optional ?? false };
}

export function toDraft(name: string, question: FunnelQuery): Draft {
  const unit = [...UNITS].reverse().find((candidate) => question.window_ms % UNIT_MS[candidate] === 0) ?? 'minute';
  return {
    name,
    steps: question.steps.map(readFunnelStep),
    order: question.order,
    allowPassive: question.order !== 'strict' || (question.ignore ?? []).length > 0,
    windowCount: Math.max(1, Math.round(question.window_ms / UNIT_MS[unit])),
    windowUnit: unit,
    perSession: question.per_session ?? false,
    exclude: (question.exclude ?? []).map((from) => ({ ...readStep(from), from: String(from.from_step ?? ''), to: String(from.to_step ?? ''), effect: from.effect ?? 'stop' })),
    breakdown: question.breakdown ?? '',
    breakdownAt: String(question.breakdown_at ?? 'first'),
    trend: question.trend ?? '',
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
export const namedSteps = (draft: Draft): DraftFunnelStep[] => draft.steps.filter((step) => step.event.trim() !== '');

/** The query of the completed steps; undefined with fewer than two, or without a valid window. */
export function toQuery(draft: Draft): FunnelQuery | undefined {
  const steps = draft.steps.map(toFunnelStep).filter((step) => step !== undefined);
  const window_ms = windowMs(draft);
  if (steps.length < 2 || window_ms === undefined) return undefined;
  const exclude = draft.exclude.map((from) => toExclusion(from, steps.length)).filter((step) => step !== undefined);
  const question: FunnelQuery = { steps, order: draft.order, window_ms };
  if (draft.order === 'strict' && draft.allowPassive) question.ignore = PASSIVE;
  if (draft.perSession) question.per_session = true;
  if (exclude.length > 0) question.exclude = exclude;
  const breakdown = draft.breakdown.trim();
  if (breakdown) question.breakdown = breakdown;
  if (breakdown && breakdown !== BY_SEGMENT && draft.breakdownAt !== 'first') {
    const place = Number(draft.breakdownAt);
    if (draft.breakdownAt === 'last') question.breakdown_at = 'last';
    else if (place >= 1 && place <= steps.length) question.breakdown_at = place;
  }
  if (draft.trend) question.trend = draft.trend;
  return question;
}

function toFunnelStep(draft: DraftFunnelStep): FunnelStep | undefined {
  const events = [draft, ...draft.others].map(toStep).filter((step) => step !== undefined);
  const [first] = events;
  if (!first) return undefined;
  const step: FunnelStep = events.length > 1 ? { any: events } : first;
  return draft.optional ? { ...step, optional: true } : step;
}

/** Steps that the funnel no longer has do not bound an exclusion. */
function toExclusion(draft: DraftExclusion, steps: number): FunnelExclusion | undefined {
  const step = toStep(draft);
  if (!step) return undefined;
  const place = (text: string) => (Number(text) >= 1 && Number(text) <= steps ? Number(text) : undefined);
  const [from, to] = [place(draft.from), place(draft.to)];
  return { ...step, ...(from && { from_step: from }), ...(to && { to_step: to }), ...(draft.effect === 'remove' && { effect: 'remove' as const }) };
}

export function toStep({ event, where }: DraftStep): FunnelEvent | undefined {
  if (!event.trim()) return undefined;
  const conditions = where.map(toCondition).filter((condition) => condition !== undefined);
  return conditions.length > 0 ? { event: event.trim(), where: conditions } : { event: event.trim() };
}

/** The same, undefined unless all conditions are filled in. */
export const writeStep = (step: DraftStep): FunnelEvent | undefined =>
  step.where.every((condition) => toCondition(condition) !== undefined) ? toStep(step) : undefined;

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

import type { FunnelEvent, FunnelExclusion, FunnelQuery, FunnelStep } from '../../api/types';
import { readStep } from '../../state/filter-url';
import { STEPS_MAX, TRENDS } from './draft';

/** A funnel of the address, which anyone may have written; undefined unless it is one. */
export function readQuestion(raw: unknown): FunnelQuery | undefined {
  if (typeof raw !== 'object' || raw === null) return undefined;
  const from = raw as Record<string, unknown>;
  const steps = list(from.steps).map(funnelStep);
  if (steps.length < 2 || steps.length > STEPS_MAX || !steps.every((step) => step !== undefined)) return undefined;
  const order = (['sequential', 'strict', 'any'] as const).find((name) => name === from.order) ?? 'sequential';
  if (typeof from.window_ms !== 'number' || !(from.window_ms > 0)) return undefined;
  const question: FunnelQuery = { steps, order, window_ms: from.window_ms };
  const exclude = list(from.exclude).map(exclusion).filter((one) => one !== undefined);
  if (exclude.length > 0) question.exclude = exclude;
  const ignore = list(from.ignore).filter((name) => typeof name === 'string');
  if (ignore.length > 0) question.ignore = ignore;
  if (from.per_session === true) question.per_session = true;
  if (typeof from.breakdown === 'string' && from.breakdown) question.breakdown = from.breakdown;
  const at = from.breakdown_at;
  if (at === 'first' || at === 'last' || (typeof at === 'number' && Number.isInteger(at))) question.breakdown_at = at;
  const trend = TRENDS.find((name) => name === from.trend);
  if (trend) question.trend = trend;
  return question;
}

const list = (raw: unknown): unknown[] => (Array.isArray(raw) ? raw : []);

function funnelStep(raw: unknown): FunnelStep | undefined {
  if (typeof raw !== 'object' || raw === null) return undefined;
  const optional = (raw as { optional?: unknown }).optional === true && { optional: true };
  if (!('any' in raw)) {
    const step = readStep(raw);
    return step && { ...step, ...optional };
  }
  const any = list(raw.any).map(readStep);
  return any.length > 0 && any.every((event): event is FunnelEvent => event !== undefined) ? { any, ...optional } : undefined;
}

function exclusion(raw: unknown): FunnelExclusion | undefined {
  const step = readStep(raw);
  if (!step) return undefined;
  const { from_step, to_step, effect } = raw as Record<string, unknown>;
  return {
    ...step,
    ...(typeof from_step === 'number' && { from_step }),
    ...(typeof to_step === 'number' && { to_step }),
    ...(effect === 'remove' && { effect }),
  };
}

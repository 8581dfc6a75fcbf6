import type { Condition, FunnelEvent, FunnelQuery, FunnelStep, Rule } from '../../api/types';

/** Where a rule of segments says less than the funnel. */
export type Near = 'order' | 'strict' | 'period';
const DAY_MS = 86_400_000;
const DAYS_MAX = 3650;

const eventsOf = (step: FunnelStep): FunnelEvent[] => ('any' in step ? step.any : [step]);

/**
 * The people of a step as a rule: who reached step `reached` (from 1) and, unless `converted`, did not do the next one in
 * time. A rule counts until now, so the days are those since the funnel's period began. `near`: what it cannot say.
 */
export function peopleRule(question: FunnelQuery & { from: string }, reached: number, converted: boolean, now: number): { rule: Rule; near: Near[] } {
  const within_days = Math.min(DAYS_MAX, Math.max(1, Math.ceil((now - Date.parse(question.from)) / DAY_MS)));
  const within_hours = Math.max(1, Math.ceil(question.window_ms / 3_600_000));
  const steps = question.steps.slice(0, reached).filter((step) => !step.optional);
  const next = converted ? undefined : question.steps.slice(reached).find((step) => !step.optional);
  const near: Near[] = ['period'];
  if (question.order === 'strict') near.push('strict');
  const single = [...steps, ...(next ? [next] : [])].every((step) => eventsOf(step).length === 1);
  if (single && question.order !== 'any') {
    const events = steps.map((step) => event(eventsOf(step)[0]!));
    const past = next ? { not_followed_by: { ...event(eventsOf(next)[0]!), within_hours } } : {};
    const rule = events.length > 1 ? { sequence: events, within_hours, within_days, ...past } : { ...events[0], within_days, ...past };
    return { rule: rule as Rule, near };
  }
  if (question.order !== 'any') near.push('order');
  const parts: Rule[] = steps.map((step) => anyOf(step, within_days));
  if (next) parts.push({ not: anyOf(next, within_days) });
  return { rule: parts.length === 1 ? parts[0]! : { all: parts }, near };
}

const event = ({ event, where }: FunnelEvent): { event: string; where?: Condition[] } => (where?.length ? { event, where } : { event });

function anyOf(step: FunnelStep, within_days: number): Rule {
  const rules: Rule[] = eventsOf(step).map((one) => ({ ...event(one), within_days }));
  return rules.length === 1 ? rules[0]! : { any: rules };
}

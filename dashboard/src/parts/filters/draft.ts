import type { Filter } from '../../api/insights';
import { type DraftCondition, type DraftStep, newCondition, newStep, readCondition, readStep, toCondition, writeStep } from '../funnel/draft';

/** A filter while being edited. What is typed for one kind stays while another is looked at. */
export const KINDS = ['property', 'event', 'segment'] as const;
export type FilterDraft = { kind: (typeof KINDS)[number]; condition: DraftCondition; step: DraftStep; segment: string; op: 'in' | 'not_in' };

export function toDraft(filter: Filter | undefined): FilterDraft {
  const empty: FilterDraft = { kind: 'property', condition: newCondition(), step: newStep(), segment: '', op: 'in' };
  if (!filter) return empty;
  if ('segment' in filter) return { ...empty, kind: 'segment', segment: filter.segment, op: filter.op ?? 'in' };
  if ('event' in filter) return { ...empty, kind: 'event', step: readStep(filter) };
  return { ...empty, condition: readCondition(filter) };
}

/** Undefined while it is incomplete: a condition that is left out would make another filter of it. */
export function toFilter({ kind, condition, step, segment, op }: FilterDraft): Filter | undefined {
  if (kind === 'segment') return segment ? (op === 'not_in' ? { segment, op } : { segment }) : undefined;
  return kind === 'event' ? writeStep(step) : toCondition(condition);
}

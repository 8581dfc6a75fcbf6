import type { EventRule, Rule, RuleOp, SegmentRule } from '../../api/types';
import { toNumber } from '../../i18n/digits';
import { type DraftCondition, readCondition, toCondition } from '../funnel/draft';
import { newKey } from './tree';

/** Conditions on past events and on other segments while being edited: numbers as typed. */
export type Measure = 'once' | 'count' | 'sum';
export const MEASURES: Measure[] = ['once', 'count', 'sum'];
export const NUMBER_OPS: RuleOp[] = ['gte', 'gt', 'eq', 'ne', 'lte', 'lt'];
export type EventLeaf = {
  key: number;
  kind: 'event';
  /** Whether the events must have happened, rather than must not. */
  did: boolean;
  event: string;
  where: DraftCondition[];
  measure: Measure;
  /** Property to add up. */
  property: string;
  op: RuleOp;
  value: string;
  /** Empty: at any time. */
  days: string;
};
export type SegmentLeaf = { key: number; kind: 'segment'; inside: boolean; segment: string };

export const newEvent = (start: Partial<EventLeaf> = {}): EventLeaf => ({
  key: newKey(), kind: 'event', did: true, event: '', where: [], measure: 'once', property: 'revenue', op: 'gte', value: '1', days: '30', ...start,
});
export const newSegmentLeaf = (): SegmentLeaf => ({ key: newKey(), kind: 'segment', inside: true, segment: '' });

const split = (rule: Rule): [Rule, boolean] => ('not' in rule ? [rule.not as Rule, false] : [rule, true]);
const joined = (rule: Rule, holds: boolean): Rule => (holds ? rule : { not: rule });

/** What the form has no place for is lost here; the caller compares what is written with what was read. */
export function readEvent(rule: Rule): EventLeaf | undefined {
  const [inner, did] = split(rule);
  if (!('event' in inner)) return undefined;
  const { event, where, within_days, count, sum } = inner as EventRule;
  const test = sum ?? count;
  if (test && !NUMBER_OPS.includes(test.op)) return undefined;
  return newEvent({
    did,
    event,
    where: (where ?? []).map(readCondition),
    days: within_days == null ? '' : String(within_days),
    measure: sum ? 'sum' : count ? 'count' : 'once',
    ...(sum ? { property: sum.property } : {}),
    ...(test ? { op: test.op, value: String(test.value) } : {}),
  });
}

/** Undefined unless all is filled in: a condition that is left out would make another rule of it. */
export function writeEvent(leaf: EventLeaf): Rule | undefined {
  const event = leaf.event.trim();
  const where = leaf.where.map(toCondition).filter((condition) => condition !== undefined);
  const days = leaf.days.trim() ? toNumber(leaf.days) : undefined;
  const value = toNumber(leaf.value);
  if (!event || where.length < leaf.where.length || (leaf.days.trim() && !(typeof days === 'number' && days > 0))) return undefined;
  const rule: EventRule = { event };
  if (where.length > 0) rule.where = where;
  if (typeof days === 'number') rule.within_days = days;
  if (leaf.measure !== 'once') {
    if (typeof value !== 'number') return undefined;
    const property = leaf.property.trim();
    if (leaf.measure === 'count') rule.count = { op: leaf.op, value };
    else if (property) rule.sum = { property, op: leaf.op, value };
    else return undefined;
  }
  return joined(rule, leaf.did);
}

export function readSegment(rule: Rule): SegmentLeaf | undefined {
  const [inner, inside] = split(rule);
  return 'segment' in inner ? { ...newSegmentLeaf(), inside, segment: (inner as SegmentRule).segment } : undefined;
}

export const writeSegment = ({ segment, inside }: SegmentLeaf): Rule | undefined => (segment ? joined({ segment }, inside) : undefined);

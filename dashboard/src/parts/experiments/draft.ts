import type { Experiment, Metric, MetricKind } from '../../api/experiments';
import { toNumber } from '../../i18n/digits';
import { type DraftCondition, readCondition, toCondition } from '../funnel/draft';

/** A metric and a variant while being edited: inputs hold text. */
export type DraftMetric = { name: string; event: string; where: DraftCondition[]; kind: MetricKind; property: string; lower: boolean };
export type DraftVariant = { key: string; weight: string; value: string };

export const newMetric = (): DraftMetric => ({ name: '', event: '', where: [], kind: 'conversion', property: '', lower: false });

/** The sum of a shop, for a start. */
export const SHOP_METRICS = (orders: string, revenue: string): DraftMetric[] => [
  { ...newMetric(), name: orders, event: 'Order Completed' },
  { ...newMetric(), name: revenue, event: 'Order Completed', kind: 'sum', property: 'revenue' },
];

export const readMetric = ({ name, event, where, kind, property, lower_is_better }: Metric): DraftMetric => ({
  name, event, where: (where ?? []).map(readCondition), kind, property: property ?? '', lower: lower_is_better ?? false,
});

export function toMetric({ name, event, where, kind, property, lower }: DraftMetric): Metric {
  const metric: Metric = { name: name.trim(), event: event.trim(), kind };
  const conditions = where.map(toCondition).filter((condition) => condition !== undefined);
  if (conditions.length > 0) metric.where = conditions;
  if (kind === 'sum') metric.property = property.trim();
  if (lower) metric.lower_is_better = true;
  return metric;
}

export const readVariant = ({ key, weight, value }: Experiment['variants'][number]): DraftVariant => ({
  key, weight: String(weight), value: value === null ? '' : JSON.stringify(value),
});

/** JSON, or a plain text as it is; empty is null. */
export function toValue(text: string): unknown {
  const trimmed = text.trim();
  if (trimmed === '') return null;
  try {
    return JSON.parse(trimmed) as unknown;
  } catch {
    return trimmed;
  }
}

/** A number in any digits; undefined if it is none of this range. */
export function within(text: string, least: number, most: number): number | undefined {
  const number = toNumber(text.trim());
  return typeof number === 'number' && number >= least && number <= most ? number : undefined;
}

/** Each variant's share of the people. */
export function shares(weights: number[]): number[] {
  const sum = weights.reduce((all, weight) => all + weight, 0);
  return weights.map((weight) => (sum > 0 ? weight / sum : 0));
}

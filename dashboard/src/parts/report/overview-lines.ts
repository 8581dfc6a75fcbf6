import type { ComparedOverview } from '../../api/insights';
import type { Interval, Period, SeriesPoint } from '../../api/types';
import { t } from '../../i18n/index.svelte';
import { type Bucket, buckets } from '../buckets';
import type { Line } from '../Chart.svelte';

export type Measure = keyof Omit<SeriesPoint, 'at' | 'events'>;
export const MEASURES = ['visitors', 'sessions', 'pageviews', 'orders', 'revenue_minor'] as const satisfies Measure[];

/**
 * The line of a measure; and that of what is compared, each step under the one it belongs to: by `counterpart`, the start
 * of the step that lies under another, or in their order.
 */
export function overviewLines(overview: ComparedOverview, steps: Bucket[], measure: Measure, question: Period & { interval?: unknown; compare?: { from?: string; to?: string } }, counterpart?: (at: string) => number, name = t('compare.label')): Line[] {
  const { series, compare } = overview;
  const line: Line = {
    name: t(`measure.${measure}`),
    values: series.map((point, index) => (steps[index]?.future ? null : point[measure])),
    partial: steps.map((step) => step.partial),
  };
  if (!compare) return [line];
  const period = { ...question, from: question.compare?.from ?? question.from, to: question.compare?.to ?? question.to };
  const labels = buckets(compare.series.map((point) => point.at), question.interval as Interval, period);
  const earlier = compare.series.map((point, index) => ({ at: Date.parse(point.at), value: labels[index]?.future ? null : point[measure], label: labels[index]?.detail }));
  const under = series.map((point, index) => (counterpart ? earlier.find(({ at }) => at === counterpart(point.at)) : earlier[index]));
  return [line, { name, values: under.map((point) => point?.value ?? null), labels: under.map((point) => point?.label), faint: true }];
}

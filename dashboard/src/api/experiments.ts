import type { Condition, Rule } from './types';

/** Experiments and their results. */

export const METRIC_KINDS = ['conversion', 'count', 'sum'] as const;
export type MetricKind = (typeof METRIC_KINDS)[number];
export type Metric = { name: string; event: string; where?: Condition[]; kind: MetricKind; property?: string; lower_is_better?: boolean };
export type Variant = { key: string; weight: number; value: unknown };
export type ExperimentStatus = 'draft' | 'running' | 'stopped';
export type Experiment = {
  key: string;
  name: string;
  variants: Variant[];
  traffic: number;
  when: Rule;
  exclusion_group?: string;
  metrics: Metric[];
  guardrails: Metric[];
  status: ExperimentStatus;
  started_at?: string;
  stopped_at?: string;
};

/** What compares with the control is null for the control, and while there is too little to estimate it. */
export type MetricResult = {
  total: number;
  mean: number | null;
  lift: number | null;
  interval: [number, number] | null;
  chance_to_win: number | null;
  expected_loss: number | null;
  adjusted_p: number | null;
  adjusted: { lift: number; interval: [number, number]; variance_reduction: number } | null;
};
export type VariantResult = { key: string; people: number; metrics: Record<string, MetricResult>; guardrails: Record<string, MetricResult> };
export type MetricPower = { detectable_effect: number | null; people_needed: number | null; days_needed: number | null };
export type AdviceAction = 'wait' | 'keep_running' | 'ship' | 'keep_control' | 'guardrail_worse' | 'sample_ratio' | 'no_difference';
export type ExperimentResult = {
  variants: VariantResult[];
  sample_ratio: { p: number; alarm: boolean };
  several_variants: { people: number; share: number | null };
  power: { days: number; people_per_day: number | null; effect: number; metrics: Record<string, MetricPower> };
  advice: { action: AdviceAction; variant: string | null; metric: string | null; within: number | null };
  currency: string;
};

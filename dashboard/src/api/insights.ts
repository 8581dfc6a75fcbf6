/**
 * JSON of filters, comparisons and the reports on behaviour: names of generated types, as in `types.ts`, and narrower ones
 * where `openapi.json` leaves more open than the pages send or need.
 */
import type { Condition, FunnelOp, FunnelResult, Interval, Overview, S, Scalar, Sent } from './types';

/** All must hold. Keeps events, sessions with an event, or members of a segment. */
export type PropertyFilter = { property: string; op: FunnelOp; value?: Scalar | Scalar[] };
export type EventFilter = { event: string; where?: Condition[] };
export type SegmentFilter = { segment: string; op?: 'in' | 'not_in' };
export type Filter = PropertyFilter | EventFilter | SegmentFilter;
/** What is absent is as in the question itself. */
export type Compare = { from?: string; to?: string; filters?: Filter[] };

export type Step = { event: string; where?: Condition[] };
export type Compared<T> = T & { compare?: T | null };

export type ComparedOverview = Compared<Overview>;
export type ComparedFunnel = Compared<FunnelResult>;

export type CampaignRow = Sent<S['CampaignRow']>;
export type GoalRow = Sent<S['GoalRow']>;
export type ProductRow = Sent<S['ProductRow']>;
export type SearchRow = Sent<S['SearchRow']>;
export type VitalsRow = Sent<S['VitalsRow']>;
export type ErrorRow = Sent<S['ErrorRow']>;
export type LinkRow = Sent<S['LinkRow']>;
export type LocationRow = Sent<S['LocationRow']>;
export type EventRow = Sent<S['EventRow']>;
export type Rows<R> = { rows: R[]; currency?: string };

/** Intervals that are not over yet are null. */
export type Cohort = S['Cohort'];
export type Retention = { cohorts: Cohort[] };
export type RetentionView = { interval: Exclude<Interval, 'hour'>; first: Step; return?: Step; periods: number };

export type PathLink = S['PathLink'];
export type PathEnd = S['PathEnd'];
export type Paths = { links: PathLink[]; ends: PathEnd[]; sessions: number };
export type PathsView = { from_step?: Step; to_step?: Step; steps: number; nodes: number };

export const MODELS = ['first', 'last', 'last_non_direct', 'linear', 'position', 'time_decay', 'markov'] as const;
export type Model = (typeof MODELS)[number];
export const TOUCH_DIMENSIONS = ['channel', 'source', 'campaign'] as const;
export type TouchDimension = (typeof TOUCH_DIMENSIONS)[number];
export type Attribution = { rows: { value: string; conversions: number; revenue_minor: number }[]; conversions: number; revenue_minor: number; currency: string };
export type AttributionView = { conversion: Step; window_days: number; dimension: TouchDimension };

/** An occurrence of an event, the latest first. */
export type EventSample = { at: string; path: string; device: string; country: string; properties: Record<string, unknown> };
export type Trend = { series: { at: string; values: Record<string, number> }[] };

export type Goal = { id: string; name: string; step: Step; value_minor?: number | null };
/** `period` moves with the day it is opened; absent: the times of the question. */
export type SavedReport = { id: string; name: string; report: string; question: Record<string, unknown>; period?: { days: number } | null };
export type Annotation = { id: string; at: string; text: string };
export type Share = { id: string; report: string; question: Record<string, unknown>; created_at?: string; expires_at?: string | null };
/** The address is answered once. */
export type NewShare = { id: string; url: string; expires_at?: string | null };
export type Shared = { site: { name: string; currency?: string; timezone?: string } | string; report: string; question: Record<string, unknown>; answer: Record<string, unknown> };

/** JSON of the recommendation endpoints. */
import type { Period } from './types';

/** A value with its 95% confidence interval. */
export type Estimated = { value: number; low: number; high: number };

export type ModelQuality = {
  model: string;
  hit_rate: number;
  hit_rate_margin: number;
  mrr: number;
  mrr_margin: number;
};
export type ModelStatus = {
  winner: string | null;
  serving: string | null;
  chosen: { model: string; by: string; at: string } | null;
  tuned_at: string | null;
  clicks: number;
  predictions: number;
  hit_rate_lead: number;
  mrr_lead: number;
  models: ModelQuality[];
};

export type ExplorationShares = { items: number; models: number; own_items: boolean; own_models: boolean };
export type ExplorationUpdate = { items: number | null; models: number | null };
export type ModelChange = { model: string | null } | ExplorationUpdate;
export type PastChange = { at: string; who: string; choice: ModelChange };
export type PastTraining = {
  at: string;
  found: { winner: string; clicks: number; predictions: number; models: ModelQuality[] };
};
export type RecommendationHistory = { choices: PastChange[]; tunings: PastTraining[] };

export type RecommendationRow = {
  slot: string | null;
  model: string | null;
  visitors: number;
  impressions: number;
  clicked: number;
  clicks: number;
  click_through: Estimated | null;
  purchases: number;
  conversion: Estimated | null;
  revenue_minor: number;
  revenue_per_thousand: Estimated | null;
  purchases_after_click: number;
  revenue_after_click_minor: number;
};
export type PositionRow = {
  position: number;
  views: number;
  clicked: number;
  click_through: Estimated | null;
  tried: number;
  tried_clicked: number;
  tried_click_through: Estimated | null;
};
export type Recommendations = {
  currency: string;
  window_days: number;
  rows: RecommendationRow[];
  positions: PositionRow[];
  exploring: { set: number; promised: number; reached: Estimated | null; share_of_items: number };
  unproved: number;
};
export type RecommendationsQuery = Period & { window_days: number; slot?: string };

export type EstimateWithLift = Estimated & { lead: Estimated };
export type WhatIf = {
  views: number;
  effective: number;
  mean_weight: number;
  sampled: boolean;
  now: Estimated | null;
  estimates: { ips: EstimateWithLift; snips: EstimateWithLift; doubly_robust: EstimateWithLift } | null;
  refusal: 'nothing' | 'never_shown' | 'too_little_overlap' | 'too_few_clicks' | 'unsupported' | null;
  because: string | null;
  models: Record<string, number>;
};
export type WhatIfQuery = Period & { slot?: string; models?: Record<string, number>; explore_items?: number };

export type PreviewQuery = { visitor?: string; viewed?: string[]; item?: string };
export type ItemName = { id: string; title: string | null };
/** Why an item is recommended; the fields depend on `kind`. */
export type Evidence = {
  kind: string;
  item?: string;
  category?: string;
  visitors?: number;
  visits?: number;
  orders?: number;
};
export type PreviewItem = {
  id: string;
  title: string;
  image: string;
  price_minor: number;
  currency: string;
  reason: string;
  score: number;
  explanation?: { evidence: string; grounds: Evidence; model_score: number; rules: string[] };
};
export type PreviewDecision = {
  offer: string | null;
  content: Record<string, unknown>;
  items: PreviewItem[];
  reason: string;
  explanation?: string[];
  left_out?: { id: string; because: string }[];
};
export type Preview = {
  known: boolean;
  recent: ItemName[];
  cart: ItemName[];
  bought: ItemName[];
  interests: string[];
  slots: string[];
  decisions: Record<string, PreviewDecision>;
  degraded: boolean;
};

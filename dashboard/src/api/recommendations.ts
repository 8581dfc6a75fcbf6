/** The JSON of everything about recommendations. */
import type { Period } from './types';

/** A value with its interval at 95%. */
export type Estimated = { value: number; low: number; high: number };

export type ModelQuality = {
  model: string;
  hit_rate: number;
  hit_rate_margin: number;
  mrr: number;
  mrr_margin: number;
};
export type Tuned = {
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

export type Exploring = { items: number; models: number; own_items: boolean; own_models: boolean };
export type ExploringChange = { items: number | null; models: number | null };
export type Choice = { model: string | null } | ExploringChange;
export type PastChoice = { at: string; who: string; choice: Choice };
export type PastTuning = {
  at: string;
  found: { winner: string; clicks: number; predictions: number; models: ModelQuality[] };
};
export type RecommendingHistory = { choices: PastChoice[]; tunings: PastTuning[] };

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
export type RecommendationsQuestion = Period & { window_days: number; slot?: string };

export type WithLead = Estimated & { lead: Estimated };
export type WhatIf = {
  views: number;
  effective: number;
  mean_weight: number;
  sampled: boolean;
  now: Estimated | null;
  estimates: { ips: WithLead; snips: WithLead; doubly_robust: WithLead } | null;
  refusal: 'nothing' | 'never_shown' | 'too_little_overlap' | 'too_few_clicks' | 'unsupported' | null;
  because: string | null;
  models: Record<string, number>;
};
export type WhatIfQuestion = Period & { slot?: string; models?: Record<string, number>; explore_items?: number };

export type PreviewQuestion = { visitor?: string; viewed?: string[]; item?: string };
export type SeenItem = { id: string; title: string | null };
/** What speaks for an item, with the names and numbers that its kind has. */
export type Grounds = {
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
  explanation?: { evidence: string; grounds: Grounds; model_score: number; rules: string[] };
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
  recent: SeenItem[];
  cart: SeenItem[];
  bought: SeenItem[];
  interests: string[];
  slots: string[];
  decisions: Record<string, PreviewDecision>;
  degraded: boolean;
};

/** JSON of the recommendation endpoints: names for the generated types. */
import type { Period, S, Sent } from './types';

/** A value with its 95% confidence interval. */
export type Estimated = S['Estimated'];

export type ModelQuality = S['ModelQuality'];
export type ModelStatus = Sent<S['TunedAnswer']>;

export type ExplorationShares = S['ExplorationBody'];
export type ExplorationUpdate = Sent<S['ExplorationChange']>;
export type ModelChange = { model: string | null } | ExplorationUpdate;
export type RecommendationHistory = Omit<S['RecommendationHistory'], 'choices'> & {
  choices: (Omit<S['PastChoice'], 'choice'> & { choice: ModelChange })[];
};

export type RecommendationRow = Sent<S['RecommendationRow']>;
export type PositionRow = Sent<S['PositionRow']>;
export type Recommendations = Omit<S['Recommendations'], 'rows' | 'positions' | 'exploring'> & {
  exploring: Sent<S['Recommendations']['exploring']>;
  rows: RecommendationRow[];
  positions: PositionRow[];
};
export type RecommendationsQuery = Period & { window_days: number; slot?: string };

export type WhatIf = Omit<Sent<S['WhatIf']>, 'refusal'> & {
  refusal: 'nothing' | 'never_shown' | 'too_little_overlap' | 'too_few_clicks' | 'unsupported' | null;
};
export type WhatIfQuery = Period & { slot?: string; models?: Record<string, number>; explore_items?: number };

export type PreviewQuery = { visitor?: string; viewed?: string[]; item?: string };
export type ItemName = Sent<S['SeenItem']>;
/** Why an item is recommended; the fields depend on `kind`. */
export type Evidence = { kind: string; item?: string; category?: string; visitors?: number; visits?: number; orders?: number };
export type PreviewItem = Omit<S['ShownItem'], 'explanation'> & {
  explanation?: Omit<S['ItemExplanationBody'], 'grounds'> & { grounds: Evidence };
};
export type PreviewDecision = Omit<S['DecisionBody'], 'items'> & { items: PreviewItem[] };
export type Preview = Omit<S['PreviewAnswer'], 'recent' | 'cart' | 'bought' | 'decisions'> & Record<'recent' | 'cart' | 'bought', ItemName[]> & {
    decisions: Record<string, PreviewDecision>;
  };

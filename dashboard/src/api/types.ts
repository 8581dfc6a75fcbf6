/**
 * JSON of the private API: names for the types generated from `openapi.json` (`npm run types`). Times are RFC 3339 in
 * UTC, money is in minor units. `Narrow` states what the description leaves open: the values of a string, or the
 * content of an object.
 */
import type { components, paths } from './openapi';

export type S = components['schemas'];
/** Fields that the description calls optional because they may be null; the server always sends them. */
export type Sent<T> = Required<T>;
type Narrow<T, N> = Omit<T, keyof N> & N;
/** The response of a path, where the name of its schema is about to change. */
type Get<P extends keyof paths> = paths[P] extends { get: { responses: { 200: { content: { 'application/json': infer R } } } } } ? R : never;

export type Role = S['Role'];
export type User = Narrow<S['UserBody'], { sites: number[] | null }>;

export const CAPTURES = [
  'pages',
  'engagement',
  'clicks',
  'rage',
  'forms',
  'searches',
  'errors',
  'vitals',
  'media',
  'copy',
  'datalayer',
] as const satisfies S['Capture'][];
export type Capture = S['Capture'];
export type Site = S['SiteBody'];
export type SiteChange = S['SiteChange'];
export type Session = Narrow<S['SessionBody'], { user: User; sites: Site[] }>;
export type Setup = S['SetupBody'];

/** Findings of an installation check. */
export type Finding = S['Finding'];
export type Check = S['CheckBody'];
export type CheckState = S['CheckState'];

export type EventSchema = S['EventSchema'];
export type Schema = S['Schema'];

export type Period = Pick<S['OverviewQuestion'], 'from' | 'to'> & { timezone: string };
export type Interval = S['Interval'];
export type CalendarName = S['Calendar'];
/** What lists and funnels count: people, whose browsers are joined by identity, or single browsers. */
export type Unit = 'person' | 'visitor';
export type Counting = { unit?: Unit };

/** `bounce_rate` is null without sessions. */
export type Totals = Narrow<S['Totals'], { bounce_rate: number | null }>;
export type SeriesPoint = S['SeriesPoint'];
export type Overview = Narrow<S['Overview'], { totals: Totals; previous: Totals }>;

export type RecentEvent = S['RecentEvent'];
export type Realtime = S['Realtime'];
export type PageRow = S['PageRow'];
export type Pages = S['Pages'];
export type SourceBy = S['SourceBy'];
export type SourceRow = S['SourceRow'];
export type Sources = S['Sources'];
export type VisitorBy = S['VisitorsBy'];
export type VisitorRow = S['VisitorRow'];
export type Visitors = S['Visitors'];

export type FunnelOp = S['Op'];
export type Scalar = string | number | boolean;
export type Condition = Narrow<S['Condition'], { op: FunnelOp; value?: Scalar | Scalar[] }>;
export type FunnelEvent = { event: string; where?: Condition[] };
/** One event or any of several; people who leave out an optional step stay in the funnel. */
export type FunnelStep = (FunnelEvent | { any: FunnelEvent[] }) & { optional?: boolean };
/** An event that ends progress (`stop`) or takes people out of the funnel (`remove`), between two steps or anywhere. */
export type FunnelExclusion = FunnelEvent & { from_step?: number; to_step?: number; effect?: 'stop' | 'remove' };
export type FunnelOrder = S['FunnelOrder'];
/** A funnel without its date range. */
export type FunnelQuery = {
  steps: FunnelStep[];
  order: FunnelOrder;
  window_ms: number;
  per_session?: boolean;
  ignore?: string[];
  exclude?: FunnelExclusion[];
  breakdown?: string;
  breakdown_at?: 'first' | 'last' | number;
  trend?: 'day' | 'week' | 'month';
  differences?: boolean;
};
export type FunnelDifferences = S['FunnelDifferences'];
type Optional<T, K extends keyof T> = Sent<Omit<T, K>> & Pick<T, K>;
/** `to_ms` is the end of a bar of the histogram; null for all that took longer. */
export type FunnelStepResult = Optional<S['FunnelStepAnswer'], 'dropped_list'> & {
  histogram?: { to_ms: number | null; people: number }[] | null;
  converted_list?: string | null;
};
export type FunnelTrend = { at: string; reached: number[] }[];
export type FunnelResult = Narrow<
  S['Funnel'],
  { steps: FunnelStepResult[]; breakdown?: Record<string, { steps: FunnelStepResult[] }> | null }
> & { trend?: FunnelTrend | null; differences?: FunnelDifferences | null };
export type SavedFunnel = Narrow<S['FunnelBody'], { question: FunnelQuery }>;
export type DroppedVisitor = Sent<S['DroppedVisitor']>;
export const CUSTOMER_GROUPS = [
  'champions',
  'loyal',
  'potential_loyalist',
  'new_customers',
  'promising',
  'need_attention',
  'about_to_sleep',
  'at_risk',
  'cannot_lose_them',
  'hibernating',
  'lost',
] as const satisfies S['CustomerGroup'][];
export type CustomerGroup = (typeof CUSTOMER_GROUPS)[number];
export type RfmCell = S['RfmCell'];
export type Rfm = Narrow<
  Sent<S['RfmReport']>,
  {
    groups: Record<CustomerGroup, number>;
    pareto: Sent<S['Pareto']>;
    model: Sent<S['FittedModel']> | null;
    model_reason: S['NotFitted'] | null;
  }
>;
export type Dropped = Narrow<Get<'/api/v1/sites/{site}/reports/funnel/dropped/{handle}'>, { visitors: DroppedVisitor[] }>;

/** The journal is null without access to all sites. */
export type Quality = Sent<S['Quality']>;
export type Violation = S['Violation'];
export type Unconverted = S['Unconverted'];
export type DataIssues = Extract<S['ReportAnswer'], { unconverted: unknown }>;
/** From the day `from`, one unit of `currency` is worth `rate` units of the site's currency. */
export type Rate = S['RateBody'];
export type Rates = S['RatesBody'];

export type RuleOp = S['Op'];
export type FieldRule = { field: string; op: RuleOp; value?: Scalar | Scalar[] };
/** Past events of a name, at least one if neither `count` nor `sum` is given. */
export type EventRule = {
  event: string;
  where?: Condition[];
  within_days?: number;
  count?: { op: RuleOp; value: number };
  sum?: { property: string; op: RuleOp; value: number };
};
export type SegmentRule = { segment: string };
/** `{}` means everyone. */
export type Rule = { all: Rule[] } | { any: Rule[] } | { not: Rule } | FieldRule | EventRule | SegmentRule | Record<string, never>;
export type Segment = { id: string; name: string; rule: Rule };
export type ListedSegment = Segment & Pick<S['ListedSegment'], 'builtin'>;
export type SegmentCount = S['SegmentCount'];
export type SegmentMember = Sent<S['SegmentMember']>;
export type SegmentMembers = Narrow<Sent<S['SegmentMembers']>, { members: SegmentMember[] }>;
export type SegmentDay = S['SegmentDay'];
export type SegmentHistory = Narrow<Sent<S['SegmentHistory']>, { days: SegmentDay[] }>;
export type SegmentChange = Sent<S['SegmentChange']>;
export type SegmentChanges = Narrow<Sent<S['SegmentChanges']>, { changes: SegmentChange[] }>;
export type SharedMembers = Sent<S['SharedMembers']>;
export type SegmentOverlap = Narrow<Sent<S['SegmentOverlap']>, { segments: SharedMembers[] }>;
export type OfferContent = Record<string, string>;
export type OfferStatus = S['OfferStatus'];
export type CapPeriod = S['CapPeriod'];
export type Weekday = S['Weekday'];
export type SlotMode = S['SlotMode'];
export type SlotSettings = Narrow<S['SlotSettings'], { mode?: SlotMode; fallback?: Record<string, unknown> }>;
export type ListedSlot = Narrow<Sent<S['ListedSlot']>, { fallback: Record<string, unknown> | null; last_seen: string | null }>;
export type CouponPool = S['CouponPool'];
export type CouponsAdded = S['CouponsAdded'];
export type OfferResult = Sent<S['OfferResult']>;
export type OfferResults = Narrow<S['OfferResults'], { rows: OfferResult[] }>;
/** Limits are left out where an offer has none. */
export type Offer = Narrow<S['Offer'], { name: string; priority: number; when: Rule; content: OfferContent; starts_at?: string | null; ends_at?: string | null }>;

/** Items of a profile: an ID, or with a name where the catalog has one. */
export type ItemRef = Partial<S['SeenItem']> & { item?: string; quantity?: number };
export type TimelineEntry = S['TimelineEntry'];
export type Profile = Narrow<
  Sent<S['VisitorBody']>,
  { recent_items: (string | ItemRef)[]; cart: (string | ItemRef)[]; timeline: TimelineEntry[] }
>;

export type PersonRow = Sent<S['PersonRow']>;
export type People = Narrow<Sent<S['People']>, { people: PersonRow[] }>;
export type PeopleQuery = { search?: string; segment?: string; sort?: S['PeopleSort']; after?: string; limit: number };
export type Browser = Sent<S['BrowserBody']>;
export const TIMELINE_KINDS = ['all', 'pages', 'products', 'orders', 'contacts', 'feedback', 'identity'] as const satisfies S['TimelineKind'][];
export type TimelineKind = (typeof TIMELINE_KINDS)[number];
export const CONTACT_CHANNELS = ['web', 'app', 'email', 'sms', 'push', 'call_centre', 'shop'] as const;
export type ContactChannel = (typeof CONTACT_CHANNELS)[number];
export type TimelineQuery = { visitor: string; kind: TimelineKind; channel: ContactChannel | ''; search: string; before?: string; limit: number };
export type TimelinePage = Narrow<Sent<S['Timeline']>, { entries: TimelineEntry[] }>;

export type NetPromoterScore = Sent<S['NetPromoterScore']>;
export type CustomerSatisfaction = Sent<S['CustomerSatisfaction']>;
export type Comment = Sent<S['Comment']>;
export type ContactCost = Sent<S['ContactCost']>;
export type ChannelSatisfaction = Narrow<S['ChannelSatisfaction'], { nps: NetPromoterScore; csat: CustomerSatisfaction }>;
export type Satisfaction = Narrow<
  S['Satisfaction'],
  {
    nps: NetPromoterScore;
    csat: CustomerSatisfaction;
    channels: ChannelSatisfaction[];
    series: Sent<S['SatisfactionPoint']>[];
    comments: Comment[];
    contacts: ContactCost[];
  }
>;

export type Webhook = S['WebhookBody'];
export type WebhookChange = { url: string; events: string[]; enabled: boolean };
export type WebhookDelivery = Sent<S['WebhookDelivery']>;
export type WebhookDeliveries = Narrow<Sent<S['WebhookDeliveries']>, { deliveries: WebhookDelivery[] }>;

export type Item = Pick<Sent<S['ItemBody']>, 'id' | 'title' | 'price_minor' | 'currency' | 'categories' | 'brand' | 'available'>;
export type ItemPage = Narrow<S['ItemPage'], { items: Item[] }>;
export type ItemCounts = S['Counts'];
export type FeedSettings = Sent<S['FeedSettings']>;
export type Feed = Narrow<Sent<S['FeedAnswer']>, { settings: FeedSettings | null; counts: ItemCounts | null }>;

type SlotRules = Get<'/api/v1/sites/{site}/recommendation-rules'>['site'];
/** Rules that are not set are left out when they are saved. */
export type MerchandisingRules = Narrow<
  { [K in keyof SlotRules]?: Exclude<SlotRules[K], null> | undefined },
  {
    only?: Rule;
    exclude?: Partial<SlotRules['exclude']>;
    boosts?: { when: Rule; percent: number }[];
    freshness?: { lift_percent?: number; half_life_days?: number; max_age_days?: number | undefined } | undefined;
  }
>;
export type MerchandisingRulesResponse = { site: MerchandisingRules; slots: Record<string, MerchandisingRules> };

/** JSON of the private API. Times are RFC 3339 in UTC, money is in minor units. */

export type Role = 'owner' | 'marketer' | 'viewer';
export type User = {
  id: number;
  email: string;
  role: Role;
  sites: number[] | null;
  masked: boolean;
  two_factor: boolean;
  recovery_codes_left: number;
};

export type Site = {
  id: number;
  name: string;
  origins: string[];
  write_key: string;
  currency: string;
  timezone: string;
  demo: boolean;
  created_at: string;
  robots?: 'drop' | 'keep';
  consent_default?: 'granted' | 'denied';
  honour_gpc?: boolean;
  known_by?: 'cookie' | 'daily_hash';
  without_consent?: 'anonymous' | 'nothing';
  session_minutes?: number | null;
  captures?: Capture[];
  /** Whether offers may carry HTML. */
  offer_html?: boolean;
};
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
] as const;
export type Capture = (typeof CAPTURES)[number];

/** Findings of an installation check, as the server names them. */
export type Finding =
  | 'tag_found'
  | 'tag_missing'
  | 'tag_twice'
  | 'key_missing'
  | 'wrong_key'
  | 'integrity_unpinned'
  | 'policy_stops_script'
  | 'policy_stops_events'
  | 'page_missing'
  | 'page_unreachable'
  | 'events_arrive'
  | 'wrong_origin'
  | 'blocked'
  | 'wrong_clock'
  | 'robot'
  | 'no_consent'
  | 'privacy_signal'
  | 'opted_out'
  | 'nothing_sent'
  | 'not_counted';
export type Check = { token: string; open_url: string; page: Finding[]; message?: string };
export type CheckState = { state: 'waiting' | 'loaded' | 'heard'; findings: Finding[] };
export type SiteChange = Partial<
  Pick<
    Site,
    | 'name'
    | 'origins'
    | 'currency'
    | 'timezone'
    | 'robots'
    | 'consent_default'
    | 'honour_gpc'
    | 'known_by'
    | 'without_consent'
    | 'session_minutes'
    | 'captures'
    | 'offer_html'
  >
>;
export type Session = { user: User; sites: Site[] };
export type Setup = { token: string; email: string; password: string; site_name?: string; origin?: string };

export type EventSchema = { name: string; count: number; properties: string[] };
export type Schema = { events: EventSchema[] };

export type Period = { from: string; to: string; timezone: string };
export type Interval = 'hour' | 'day' | 'week' | 'month';

export type Totals = {
  events: number;
  pageviews: number;
  visitors: number;
  sessions: number;
  bounce_rate: number;
  revenue_minor: number;
  orders: number;
};
export type SeriesPoint = { at: string } & Omit<Totals, 'bounce_rate'>;
export type Overview = { totals: Totals; previous: Totals; currency: string; series: SeriesPoint[] };

export type RecentEvent = {
  at: string;
  visitor: string;
  event: string;
  path: string;
  country: string;
  device: string;
  item?: string | null;
};
export type Realtime = {
  visitors: number;
  minutes: { at: string; visitors: number; pageviews: number }[];
  pages: { path: string; title: string; visitors: number }[];
  sources: { channel: string; source: string; visitors: number }[];
  countries: { country: string; visitors: number }[];
  recent: RecentEvent[];
};

export type PageRow = {
  path: string;
  title: string;
  pageviews: number;
  visitors: number;
  entries: number;
  exits: number;
};
export type Pages = { rows: PageRow[]; total: number };

export type SourceBy = 'channel' | 'source' | 'referrer' | 'campaign';
export type SourceRow = {
  value: string;
  visitors: number;
  sessions: number;
  pageviews: number;
  orders: number;
  revenue_minor: number;
};
export type Sources = { rows: SourceRow[] };

export type VisitorBy = 'country' | 'device' | 'browser' | 'os' | 'language';
export type VisitorRow = { value: string; visitors: number; sessions: number; pageviews: number };
export type Visitors = { rows: VisitorRow[] };

export type FunnelOp = 'eq' | 'ne' | 'gt' | 'gte' | 'lt' | 'lte' | 'contains' | 'starts_with' | 'in' | 'exists';
export type Scalar = string | number | boolean;
export type Condition = { property: string; op: FunnelOp; value?: Scalar | Scalar[] };
export type FunnelStep = { event: string; where?: Condition[] };
export type FunnelOrder = 'sequential' | 'strict' | 'any';
export type FunnelQuery = {
  steps: FunnelStep[];
  order: FunnelOrder;
  window_ms: number;
  /** Events allowed between the steps of a strict funnel. */
  ignore?: string[];
  exclude?: FunnelStep[];
  breakdown?: string;
};
export type FunnelStepResult = {
  reached: number;
  rate_of_first: number;
  rate_of_previous: number;
  median_ms: number | null;
  p90_ms: number | null;
  dropped_list?: string | null;
};
export type FunnelResult = {
  steps: FunnelStepResult[];
  breakdown?: Record<string, { steps: FunnelStepResult[] }>;
  took_ms?: number;
};
export type SavedFunnel = { id: number; name: string; question: FunnelQuery; updated_at: string };
export type DroppedVisitor = {
  visitor: string;
  last_at: string;
  user_id: string | null;
  country: string;
  device: string;
};
export type Dropped = { step: number; visitors: DroppedVisitor[]; total: number };

export type Quality = {
  since: string;
  received: number;
  kept: number;
  dropped: Record<string, number>;
  rejected: Record<string, number>;
  /** Further counts: bots by type, values stored as `(other)`, schema violations. */
  noticed?: Record<string, number>;
  /** The journal of the whole service, across restarts; null without access to all sites. */
  journal: { kept: number; inserted: number; quarantined: number; waiting: number } | null;
};

export type Violation = { event: string; violation: string; events: number; last: string; example: unknown };
export type Unconverted = { currency: string; orders: number; amount_minor: number; first: string; last: string };
export type DataIssues = { currency: string; violations: Violation[]; unconverted: Unconverted[] };
/** From the day `from`, one unit of `currency` is worth `rate` units of the site's currency. */
export type Rate = { currency: string; from: string; rate: string };
export type Rates = { base: string; rates: Rate[] };

export type RuleOp = 'eq' | 'ne' | 'gt' | 'gte' | 'lt' | 'lte' | 'in' | 'contains' | 'starts_with' | 'exists';
export type FieldRule = { field: string; op: RuleOp; value?: Scalar | Scalar[] };
/** `{}` means everyone. */
export type Rule = { all: Rule[] } | { any: Rule[] } | { not: Rule } | FieldRule | Record<string, never>;
export type OfferContent = Record<string, string>;
export type Offer = {
  id: string;
  name: string;
  slot: string;
  priority: number;
  enabled: boolean;
  when: Rule;
  content: OfferContent;
  starts_at?: string | null;
  ends_at?: string | null;
};

export type ItemRef = {
  id?: string;
  item?: string;
  title?: string;
  image?: string;
  price_minor?: number;
  currency?: string;
  quantity?: number;
};
export type TimelineEntry = {
  at: string;
  event: string;
  path: string;
  item?: string | null;
  properties?: Record<string, unknown>;
};
export type Profile = {
  visitor: string;
  visitors?: string[];
  first_seen: string;
  last_seen: string;
  user_id: string | null;
  country: string;
  device: string;
  affinities: { category: string; score: number }[];
  recent_items: (string | ItemRef)[];
  cart: (string | ItemRef)[];
  orders: number;
  revenue_minor: number;
  timeline: TimelineEntry[];
};

export type Item = {
  id: string;
  title: string;
  price_minor: number;
  currency: string;
  categories: string[];
  brand: string;
  available: boolean;
};
export type ItemPage = { items: Item[]; total: number };
export type ItemCounts = {
  read: number;
  kept: number;
  dropped: number;
  rejected: number;
  dropped_by: Record<string, number>;
  rejected_by: Record<string, number>;
  rejected_rows?: { row: number; reason: string; message: string }[];
};
export type FeedSettings = { url: string; every_minutes: number; enabled: boolean };
export type Feed = {
  settings: FeedSettings | null;
  visiting: boolean;
  visited_at: string | null;
  outcome: 'taken' | 'unchanged' | 'withheld' | 'failed' | null;
  message: string;
  items: number;
  withdrawn: number;
  withheld: number;
  counts: ItemCounts | null;
};
export type MerchandisingRules = {
  only?: Rule;
  exclude?: { items?: string[]; categories?: string[]; brands?: string[] };
  pins?: { item: string; position: number }[];
  boosts?: { when: Rule; percent: number }[];
  hide_bought?: boolean | undefined;
  same_language?: boolean | undefined;
  price_band?: { from_percent: number; to_percent: number } | undefined;
  diversity?: { by: 'category' | 'brand' | 'group'; at_most: number } | undefined;
  freshness?: { lift_percent?: number; half_life_days?: number; max_age_days?: number | undefined } | undefined;
  fatigue?: { shown_max: number; rest_hours: number } | undefined;
};
export type MerchandisingRulesResponse = { site: MerchandisingRules; slots: Record<string, MerchandisingRules> };

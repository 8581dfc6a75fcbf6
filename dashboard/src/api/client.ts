import type * as R from './recommendations';
import type * as E from './experiments';
import type * as I from './insights';
import type * as T from './types';

/** A failed request: the server's error, or status 0 if the server could not be reached. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    /** `Retry-After` in seconds. */
    readonly retryAfter?: number,
  ) {
    super(message);
  }
}

type Options = { body?: unknown; file?: Blob; signal?: AbortSignal };

async function request(method: string, path: string, { body, file, signal }: Options = {}): Promise<Response> {
  const init: RequestInit = { method, credentials: 'same-origin', headers: { Accept: 'application/json' } };
  if (signal) init.signal = signal;
  if (body !== undefined) {
    init.headers = { ...init.headers, 'Content-Type': 'application/json' };
    init.body = JSON.stringify(body);
  }
  if (file) init.body = file;
  let response: Response;
  try {
    response = await fetch(`/api/v1${path}`, init);
  } catch (cause) {
    if (signal?.aborted) throw cause;
    throw new ApiError(0, 'unreachable', 'unreachable');
  }
  if (!response.ok) throw await failure(response);
  return response;
}

async function failure(response: Response): Promise<ApiError> {
  const seconds = Number(response.headers.get('Retry-After'));
  const retryAfter = Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds, 60) : undefined;
  try {
    const body = (await response.json()) as { code?: string; message?: string };
    return new ApiError(response.status, body.code ?? 'error', body.message ?? response.statusText, retryAfter);
  } catch {
    return new ApiError(response.status, 'error', response.statusText || `HTTP ${response.status}`, retryAfter);
  }
}

export async function json<R>(method: string, path: string, options?: Options): Promise<R> {
  const response = await request(method, path, options);
  return (response.status === 204 ? undefined : await response.json()) as R;
}

const get = <R>(path: string, signal?: AbortSignal) => json<R>('GET', path, signal ? { signal } : {});
const post = <R>(path: string, body: unknown, signal?: AbortSignal) =>
  json<R>('POST', path, signal ? { body, signal } : { body });

const id = encodeURIComponent;
/** A query string of what is given. */
const query = (values: Record<string, string | number | undefined>) =>
  new URLSearchParams(Object.entries(values).flatMap(([name, value]) => (value === undefined || value === '' ? [] : [[name, String(value)]])));

export const account = {
  setupNeeded: () => get<{ needed: boolean }>('/setup'),
  setup: (setup: T.Setup) => post<T.Session>('/setup', setup),
  login: (email: string, password: string, code?: string) => post<T.Session>('/session', { email, password, code }),
  session: () => get<T.Session>('/session'),
  logout: () => json<void>('DELETE', '/session'),
  addSite: (name: string, origins: string[]) => post<T.Site>('/sites', { name, origins }),
};

export type ReportName =
  | 'overview'
  | 'realtime'
  | 'pages'
  | 'sources'
  | 'visitors'
  | 'funnel'
  | 'quality'
  | 'data-quality'
  | 'recommendations'
  | 'what-if'
  | 'rfm'
  | 'satisfaction'
  | 'experiments'
  | 'offers'
  | 'campaigns'
  | 'locations'
  | 'retention'
  | 'paths'
  | 'attribution'
  | 'goals'
  | 'products'
  | 'searches'
  | 'links'
  | 'errors'
  | 'vitals'
  | 'events';
/** The most rows of a report. */
export const ROWS_MAX = 1000;
type Signal = AbortSignal | undefined;
/** The part that all questions have in common. */
type Asked = T.Period & T.Counting & { filters?: I.Filter[]; compare?: I.Compare };

/** A report that was shared by a link, without login. */
export const shared = (token: string, signal?: AbortSignal) => get<I.Shared>(`/shared/${id(token)}`, signal);

/** All requests of one site. */
export function siteApi(siteId: number) {
  const base = `/sites/${siteId}`;
  const report = <R>(name: string, query: unknown, signal?: Signal) =>
    post<R>(`${base}/reports/${name}`, query, signal);
  return {
    change: (change: T.SiteChange) => json<T.Site>('PATCH', base, { body: change }),
    check: (url: string) => post<T.Check>(`${base}/checks`, { url }),
    checked: (token: string) => get<T.CheckState>(`${base}/checks/${id(token)}`),
    schema: (signal?: Signal) => get<T.Schema>(`${base}/schema?days=30`, signal),

    overview: (q: Asked & { interval: T.Interval; calendar: T.CalendarName }, s?: Signal) => report<I.ComparedOverview>('overview', q, s),
    realtime: (s?: Signal) => report<T.Realtime>('realtime', {}, s),
    pages: (q: Asked & { limit: number; search?: string }, s?: Signal) => report<I.Compared<T.Pages>>('pages', q, s),
    sources: (q: Asked & { by: T.SourceBy; limit: number }, s?: Signal) => report<I.Compared<T.Sources>>('sources', q, s),
    visitors: (q: Asked & { by: T.VisitorBy; limit: number }, s?: Signal) => report<I.Compared<T.Visitors>>('visitors', q, s),
    funnel: (q: Asked & T.FunnelQuery, s?: Signal) => report<I.ComparedFunnel>('funnel', q, s),
    rfm: (q: Asked, s?: Signal) => report<T.Rfm>('rfm', q, s),
    campaigns: (q: Asked & { limit: number }, s?: Signal) => report<I.Compared<I.Rows<I.CampaignRow>>>('campaigns', q, s),
    locations: (q: Asked & { by: 'country' | 'region' | 'city'; limit: number }, s?: Signal) => report<I.Compared<I.Rows<I.LocationRow>>>('locations', q, s),
    retention: (q: Asked & { calendar: T.CalendarName } & I.RetentionView, s?: Signal) => report<I.Compared<I.Retention>>('retention', q, s),
    paths: (q: Asked & I.PathsView, s?: Signal) => report<I.Paths>('paths', q, s),
    attribution: (q: Asked & I.AttributionView & { model: I.Model }, s?: Signal) => report<I.Attribution>('attribution', q, s),
    goalResults: (q: Asked, s?: Signal) => report<I.Compared<I.Rows<I.GoalRow>>>('goals', q, s),
    products: (q: Asked & { limit: number; search?: string }, s?: Signal) => report<I.Compared<I.Rows<I.ProductRow>>>('products', q, s),
    searches: (q: Asked & { limit: number }, s?: Signal) => report<I.Compared<I.Rows<I.SearchRow>>>('searches', q, s),
    links: (q: Asked & { limit: number }, s?: Signal) => report<I.Compared<I.Rows<I.LinkRow>>>('links', q, s),
    errors: (q: Asked & { limit: number }, s?: Signal) => report<I.Compared<I.Rows<I.ErrorRow>>>('errors', q, s),
    vitals: (q: Asked & { limit: number }, s?: Signal) => report<I.Compared<I.Rows<I.VitalsRow>>>('vitals', q, s),
    events: (q: Asked, s?: Signal) => report<I.Rows<I.EventRow>>('events', q, s),
    eventTrend: (q: Asked & { event: string; property?: string; interval: T.Interval; calendar: T.CalendarName }, s?: Signal) => report<I.Trend>('events', q, s),
    eventSamples: (q: Asked & { event: string; samples: number }, s?: Signal) => report<{ samples: I.EventSample[] }>('events', q, s),
    /** A report by its name, such as a saved one. */
    anyReport: (name: string, q: object, s?: Signal) => report<Record<string, unknown>>(name, q, s),

    goals: (s?: Signal) => get<I.Goal[]>(`${base}/goals`, s),
    putGoal: (goal: I.Goal) => json<I.Goal>('PUT', `${base}/goals/${id(goal.id)}`, { body: goal }),
    deleteGoal: (goal: string) => json<void>('DELETE', `${base}/goals/${id(goal)}`),
    savedReports: (s?: Signal) => get<I.SavedReport[]>(`${base}/saved-reports`, s),
    putSavedReport: (saved: I.SavedReport) => json<I.SavedReport>('PUT', `${base}/saved-reports/${id(saved.id)}`, { body: saved }),
    deleteSavedReport: (saved: string) => json<void>('DELETE', `${base}/saved-reports/${id(saved)}`),
    annotations: (s?: Signal) => get<I.Annotation[]>(`${base}/annotations`, s),
    putAnnotation: (annotation: I.Annotation) => json<I.Annotation>('PUT', `${base}/annotations/${id(annotation.id)}`, { body: annotation }),
    deleteAnnotation: (annotation: string) => json<void>('DELETE', `${base}/annotations/${id(annotation)}`),
    shares: (s?: Signal) => get<I.Share[]>(`${base}/shares`, s),
    addShare: (share: Pick<I.Share, 'report' | 'question' | 'expires_at'>) => post<I.NewShare>(`${base}/shares`, share),
    deleteShare: (share: string) => json<void>('DELETE', `${base}/shares/${id(share)}`),

    dropped: (handle: string, limit: number, s?: Signal) =>
      get<T.Dropped>(`${base}/reports/funnel/dropped/${id(handle)}?limit=${limit}`, s),
    // Not `quality`: under that name the server returns the counts of events.
    dataIssues: (q: T.Period, s?: Signal) => report<T.DataIssues>('data-quality', { ...q, limit: 50 }, s),
    rates: (s?: Signal) => get<T.Rates>(`${base}/rates`, s),
    putRates: (rates: T.Rate[]) => json<T.Rates>('PUT', `${base}/rates`, { body: { rates } }),
    eventRules: (s?: Signal) => get<object>(`${base}/schema/rules`, s),
    putEventRules: (rules: unknown) => json<object>('PUT', `${base}/schema/rules`, { body: rules }),
    quality: (q: Partial<Pick<T.Period, 'from' | 'to'>>, s?: Signal) => report<T.Quality>('quality', q, s),
    /** All rows; `cut` is the number of rows of a file that could not take more. */
    csv: async (name: ReportName, query: unknown) => {
      const answer = await request('POST', `${base}/reports/${name}?format=csv`, { body: query });
      return { file: await answer.blob(), cut: Number(answer.headers.get('Ashna-Rows-Cut')) || undefined };
    },

    recommendations: (q: R.RecommendationsQuery, s?: Signal) => report<R.Recommendations>('recommendations', q, s),
    whatIf: (q: R.WhatIfQuery, s?: Signal) => report<R.WhatIf>('what-if', q, s),
    modelStatus: (s?: Signal) => get<R.ModelStatus>(`${base}/recommendations`, s),
    chooseModel: (model: string | null) => json<R.ModelStatus>('PUT', `${base}/recommendations/choice`, { body: { model } }),
    exploration: (s?: Signal) => get<R.ExplorationShares>(`${base}/recommendations/exploring`, s),
    setExploration: (change: R.ExplorationUpdate) =>
      json<R.ExplorationShares>('PUT', `${base}/recommendations/exploring`, { body: change }),
    recommendationHistory: (s?: Signal) => get<R.RecommendationHistory>(`${base}/recommendations/history`, s),
    preview: (q: R.PreviewQuery, s?: Signal) => post<R.Preview>(`${base}/recommendations/preview`, q, s),

    satisfaction: (q: Asked & { interval: T.Interval; calendar: T.CalendarName; limit: number }, s?: Signal) => report<T.Satisfaction>('satisfaction', q, s),
    people: (q: T.PeopleQuery, s?: Signal) => get<T.People>(`${base}/people?${query(q)}`, s),
    timeline: ({ visitor, ...q }: T.TimelineQuery, s?: Signal) => get<T.TimelinePage>(`${base}/visitors/${id(visitor)}/timeline?${query(q)}`, s),
    browsers: (visitor: string, s?: Signal) => get<T.Browser[]>(`${base}/visitors/${id(visitor)}/browsers`, s),
    exportVisitor: async (visitor: string) => (await request('GET', `${base}/visitors/${id(visitor)}/export`)).blob(),
    partVisitor: (visitor: string) => json<void>('POST', `${base}/visitors/${id(visitor)}/part`),
    eraseVisitor: (visitor: string) => json<unknown>('DELETE', `${base}/visitors/${id(visitor)}`),

    webhooks: (s?: Signal) => get<T.Webhook[]>(`${base}/webhooks`, s),
    addWebhook: (webhook: T.WebhookChange & { id?: string }) => post<T.Webhook>(`${base}/webhooks`, webhook),
    saveWebhook: (webhook: string, change: T.WebhookChange) => json<T.Webhook>('PUT', `${base}/webhooks/${id(webhook)}`, { body: change }),
    deleteWebhook: (webhook: string) => json<void>('DELETE', `${base}/webhooks/${id(webhook)}`),
    renewWebhookSecret: (webhook: string) => json<T.Webhook>('POST', `${base}/webhooks/${id(webhook)}/secret`),
    testWebhook: (webhook: string) => json<T.WebhookDelivery>('POST', `${base}/webhooks/${id(webhook)}/test`),
    deliveries: (webhook: string, q: { limit: number; before?: number }, s?: Signal) => get<T.WebhookDeliveries>(`${base}/webhooks/${id(webhook)}/deliveries?${query(q)}`, s),
    replayDelivery: (webhook: string, delivery: string) => json<T.WebhookDelivery>('POST', `${base}/webhooks/${id(webhook)}/deliveries/${id(delivery)}/replay`),

    visitor: (visitor: string, s?: Signal) => get<T.Profile>(`${base}/visitors/${id(visitor)}`, s),

    funnels: (s?: Signal) => get<T.SavedFunnel[]>(`${base}/funnels`, s),
    addFunnel: (name: string, question: T.FunnelQuery) =>
      post<T.SavedFunnel>(`${base}/funnels`, { name, question }),
    saveFunnel: (funnel: number, name: string, question: T.FunnelQuery) =>
      json<T.SavedFunnel>('PUT', `${base}/funnels/${funnel}`, { body: { name, question } }),
    deleteFunnel: (funnel: number) => json<void>('DELETE', `${base}/funnels/${funnel}`),

    items: (q: { search: string; limit: number; offset: number }, s?: Signal) =>
      get<T.ItemPage>(`${base}/items?search=${id(q.search)}&limit=${q.limit}&offset=${q.offset}`, s),
    importItems: async (file: Blob) => (await request('POST', `${base}/items/import`, { file })).json() as Promise<T.ItemCounts>,
    feed: (s?: Signal) => get<T.Feed>(`${base}/feed`, s),
    putFeed: (settings: T.FeedSettings) => json<T.Feed>('PUT', `${base}/feed`, { body: settings }),
    deleteFeed: () => json<void>('DELETE', `${base}/feed`),
    visitFeed: (confirm: boolean) => request('POST', `${base}/feed/visit`, { body: { confirm } }),
    merchandisingRules: (s?: Signal) => get<T.MerchandisingRulesResponse>(`${base}/recommendation-rules`, s),
    putMerchandisingRules: (slot: string, rules: T.MerchandisingRules) =>
      json<T.MerchandisingRulesResponse>('PUT', `${base}/recommendation-rules${slot ? `/${id(slot)}` : ''}`, { body: rules }),
    deleteMerchandisingRules: (slot: string) => json<void>('DELETE', `${base}/recommendation-rules/${id(slot)}`),

    segments: (s?: Signal) => get<T.ListedSegment[]>(`${base}/segments`, s),
    addSegment: (segment: T.Segment) => post<T.Segment>(`${base}/segments`, segment),
    saveSegment: (segment: T.Segment) => json<T.Segment>('PUT', `${base}/segments/${id(segment.id)}`, { body: segment }),
    deleteSegment: (segment: string) => json<void>('DELETE', `${base}/segments/${id(segment)}`),
    countPeople: (rule: T.Rule, s?: Signal) => post<T.SegmentCount>(`${base}/segments/preview`, { rule }, s),
    members: (q: { segment: string; limit: number; after?: string }, s?: Signal) =>
      get<T.SegmentMembers>(`${base}/segments/${id(q.segment)}/members?limit=${q.limit}&after=${id(q.after ?? '')}`, s),
    segmentHistory: (segment: string, s?: Signal) => get<T.SegmentHistory>(`${base}/segments/${id(segment)}/history`, s),
    segmentChanges: (q: { segment: string; limit: number; before?: number }, s?: Signal) =>
      get<T.SegmentChanges>(`${base}/segments/${id(q.segment)}/changes?limit=${q.limit}${q.before === undefined ? '' : `&before=${q.before}`}`, s),
    segmentOverlap: (segment: string, s?: Signal) => get<T.SegmentOverlap>(`${base}/segments/${id(segment)}/overlap`, s),
    membersCsv: async (segment: string) => (await request('GET', `${base}/segments/${id(segment)}/members?format=csv`)).blob(),

    experiments: (s?: Signal) => get<E.Experiment[]>(`${base}/experiments`, s),
    addExperiment: (experiment: E.Experiment) => post<E.Experiment>(`${base}/experiments`, experiment),
    saveExperiment: (experiment: E.Experiment) =>
      json<E.Experiment>('PUT', `${base}/experiments/${id(experiment.key)}`, { body: experiment }),
    deleteExperiment: (experiment: string) => json<void>('DELETE', `${base}/experiments/${id(experiment)}`),
    experimentResult: (q: { experiment: string }, s?: Signal) => report<E.ExperimentResult>('experiments', q, s),

    offers: (s?: Signal) => get<T.Offer[]>(`${base}/offers`, s),
    addOffer: (offer: T.Offer) => post<T.Offer>(`${base}/offers`, offer),
    saveOffer: (offerId: string, offer: T.Offer) =>
      json<T.Offer>('PUT', `${base}/offers/${id(offerId)}`, { body: offer }),
    deleteOffer: (offer: string) => json<void>('DELETE', `${base}/offers/${id(offer)}`),
    offerResults: (q: Asked, s?: Signal) => report<T.OfferResults>('offers', q, s),
    coupons: (offer: string, s?: Signal) => get<T.CouponPool>(`${base}/offers/${id(offer)}/coupons`, s),
    addCoupons: (offer: string, file: Blob) => json<T.CouponsAdded>('POST', `${base}/offers/${id(offer)}/coupons`, { file }),
    slots: (s?: Signal) => get<T.ListedSlot[]>(`${base}/slots`, s),
    putSlot: (slot: string, settings: T.SlotSettings) => json<T.SlotSettings>('PUT', `${base}/slots/${id(slot)}`, { body: settings }),
  };
}
export type SiteApi = ReturnType<typeof siteApi>;

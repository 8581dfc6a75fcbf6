import type { Filter } from '../../api/insights';
import { named, t, type Key } from '../../i18n/index.svelte';
import * as format from '../../i18n/format';
import { sourceName, visitorName } from '../bars';

/** How the rows of a report are shown: one description for its page, saved views and shared links. */

export type Row = Record<string, unknown>;
export type Kind = 'count' | 'money' | 'percent' | 'ms' | 'decimal' | 'time' | 'text';
export type Column = { key: string; name: Key; hint?: Key; kind: Kind; /** Computed from the row. */ of?: (row: Row) => number | null };
export type Table = {
  head: Key;
  /** What a row is about, and a second line. */
  name: (row: Row) => string;
  detail?: (row: Row) => string | undefined;
  /** Machine text, such as a path. */
  ltr?: boolean;
  key: (row: Row) => string;
  columns: Column[];
  /** The filter that keeps this row alone. */
  filter?: (row: Row) => Filter | undefined;
  sort: string;
};

const text = (row: Row, key: string) => (typeof row[key] === 'string' ? row[key] : '');
const amount = (row: Row, key: string) => (typeof row[key] === 'number' ? row[key] : 0);
const orNone = (value: string) => value || t('value.none');
const is = (property: string, value: string): Filter => (value === '' ? { property, op: 'not_exists' } : { property, op: 'eq', value });

const count = (key: string, name: Key, hint?: Key): Column => ({ key, name, kind: 'count', ...(hint && { hint }) });
const visitors = count('visitors', 'measure.visitors', 'hint.source_visitors');
const sessions = count('sessions', 'measure.sessions', 'hint.source_sessions');
const pageviews = count('pageviews', 'measure.pageviews', 'hint.source_pageviews');
const orders = count('orders', 'measure.orders', 'hint.source_orders');
const revenue: Column = { key: 'revenue_minor', name: 'measure.revenue_minor', hint: 'hint.source_revenue', kind: 'money' };
const people = count('people', 'insight.people', 'hint.insight_people');
const conversion: Column = {
  key: 'conversion', name: 'column.conversion', hint: 'hint.source_conversion', kind: 'percent',
  of: (row) => (amount(row, 'sessions') > 0 ? amount(row, 'orders') / amount(row, 'sessions') : null),
};
const SOURCE_COLUMNS: Partial<Record<string, string>> = { channel: '$channel', source: '$source', campaign: '$campaign', referrer: '$referrer_host' };
const SOURCE_HEADS: Partial<Record<string, Key>> = { source: 'by.source', campaign: 'by.campaign', referrer: 'by.referrer' };
const VISITOR_COLUMNS: Partial<Record<string, string>> = { country: '$country', device: '$device', browser: '$browser', os: '$os', language: '$language' };
const vital = (key: string, name: Key, hint: Key, kind: Kind = 'ms'): Column => ({ key, name, hint, kind });

/** Undefined for reports that are not a table. */
export function tableOf(report: string, question: Record<string, unknown>): Table | undefined {
  const by = typeof question.by === 'string' ? question.by : '';
  switch (report) {
    case 'sources':
      return {
        head: SOURCE_HEADS[by] ?? 'by.channel', key: (row) => text(row, 'value'), sort: 'visitors',
        name: (row) => (by === 'channel' || by === '' ? sourceName(text(row, 'value'), 'channel') : orNone(text(row, 'value'))),
        columns: [visitors, sessions, pageviews, orders, conversion, revenue],
        filter: (row) => is(SOURCE_COLUMNS[by] ?? '$channel', text(row, 'value')),
      };
    case 'campaigns':
      return {
        head: 'by.campaign', key: (row) => JSON.stringify([row.campaign, row.source, row.medium]), sort: 'visitors',
        name: (row) => orNone(text(row, 'campaign')), detail: (row) => [text(row, 'source'), text(row, 'medium')].filter(Boolean).join(' / ') || undefined,
        columns: [visitors, sessions, pageviews, { key: 'bounce_rate', name: 'measure.bounce_rate', hint: 'hint.bounce_rate', kind: 'percent' }, orders, conversion, revenue],
        filter: (row) => is('$campaign', text(row, 'campaign')),
      };
    case 'visitors':
      return {
        head: by === 'device' ? 'by.device' : by === 'browser' ? 'by.browser' : by === 'os' ? 'by.os' : by === 'language' ? 'by.language' : 'by.country',
        key: (row) => text(row, 'value'), sort: 'visitors', name: (row) => visitorName(text(row, 'value'), by === '' ? 'country' : (by as 'country')),
        columns: [count('visitors', 'measure.visitors', 'hint.dimension_visitors')], filter: (row) => is(VISITOR_COLUMNS[by] ?? '$country', text(row, 'value')),
      };
    case 'locations':
      return {
        head: by === 'city' ? 'location.city' : by === 'region' ? 'location.region' : 'by.country', sort: 'visitors',
        key: (row) => JSON.stringify([row.country, row.value]),
        name: (row) => (by === 'region' || by === 'city' ? orNone(text(row, 'value')) : format.country(text(row, 'value'))),
        detail: (row) => (by === 'region' || by === 'city' ? format.country(text(row, 'country')) : undefined),
        columns: [count('visitors', 'measure.visitors', 'hint.dimension_visitors'), sessions, pageviews, orders, conversion, revenue],
        filter: (row) => (by === 'region' ? undefined : by === 'city' ? is('$city', text(row, 'value')) : is('$country', text(row, 'value'))),
      };
    case 'pages':
      return {
        head: 'column.page', key: (row) => text(row, 'path'), sort: 'pageviews', name: (row) => text(row, 'title') || text(row, 'path'), detail: (row) => text(row, 'path'),
        columns: [count('pageviews', 'measure.pageviews', 'hint.page_views'), count('visitors', 'measure.visitors', 'hint.page_visitors'), count('entries', 'measure.entries', 'hint.entries'), count('exits', 'measure.exits', 'hint.exits')],
        filter: (row) => ({ event: 'page', where: [{ property: '$path', op: 'eq', value: text(row, 'path') }] }),
      };
    case 'goals':
      return {
        head: 'goal.goal', key: (row) => text(row, 'goal'), sort: 'conversions', name: (row) => text(row, 'name') || text(row, 'goal'),
        columns: [count('people', 'goal.people', 'hint.goal_people'), count('conversions', 'goal.conversions', 'hint.goal_conversions'), { key: 'rate', name: 'column.conversion', hint: 'hint.goal_rate', kind: 'percent' }, { key: 'revenue_minor', name: 'goal.value', hint: 'hint.goal_value', kind: 'money' }],
      };
    case 'products':
      return {
        head: 'product.product', key: (row) => text(row, 'item'), sort: 'viewers', name: (row) => text(row, 'title') || text(row, 'item'), detail: (row) => (text(row, 'title') ? text(row, 'item') : undefined),
        columns: [
          count('viewers', 'product.viewers', 'hint.product_viewers'), count('carts', 'product.carts', 'hint.product_carts'), count('buyers', 'product.buyers', 'hint.product_buyers'),
          { key: 'bought_per_view', name: 'product.per_view', hint: 'hint.product_per_view', kind: 'percent' }, count('units', 'product.units', 'hint.product_units'),
          { key: 'revenue_minor', name: 'measure.revenue_minor', hint: 'hint.product_revenue', kind: 'money' },
        ],
        filter: (row) => ({ property: '$item', op: 'eq', value: text(row, 'item') }),
      };
    default:
      return behaviourTable(report) ?? undefined;
  }
}

function behaviourTable(report: string): Table | undefined {
  switch (report) {
    case 'searches':
      return {
        head: 'behaviour.query', key: (row) => text(row, 'query'), sort: 'searches', name: (row) => orNone(text(row, 'query')),
        columns: [count('searches', 'behaviour.searches_count', 'hint.searches'), people, count('no_results', 'behaviour.no_results', 'hint.no_results')],
      };
    case 'links':
      return {
        head: 'behaviour.link', key: (row) => JSON.stringify([row.kind, row.url]), sort: 'clicks', ltr: true, name: (row) => text(row, 'url'),
        detail: (row) => t(row.kind === 'download' ? 'behaviour.download' : 'behaviour.outbound_kind'), columns: [count('clicks', 'behaviour.clicks', 'hint.link_clicks'), people],
      };
    case 'errors':
      return {
        head: 'behaviour.error', key: (row) => JSON.stringify([row.message, row.source]), sort: 'events', ltr: true, name: (row) => orNone(text(row, 'message')), detail: (row) => text(row, 'source') || undefined,
        columns: [count('events', 'behaviour.times', 'hint.error_events'), people, { key: 'first_at', name: 'behaviour.first', kind: 'time' }, { key: 'last_at', name: 'behaviour.last', kind: 'time' }],
      };
    case 'vitals':
      return {
        head: 'column.page', key: (row) => text(row, 'path'), sort: 'samples', ltr: true, name: (row) => text(row, 'path'),
        columns: [
          count('samples', 'vitals.samples', 'hint.vitals_samples'), vital('lcp_p75_ms', 'vitals.lcp', 'hint.lcp'), vital('inp_p75_ms', 'vitals.inp', 'hint.inp'),
          vital('cls_p75', 'vitals.cls', 'hint.cls', 'decimal'), vital('fcp_p75_ms', 'vitals.fcp', 'hint.fcp'), vital('ttfb_p75_ms', 'vitals.ttfb', 'hint.ttfb'),
        ],
        filter: (row) => ({ property: '$path', op: 'eq', value: text(row, 'path') }),
      };
    case 'events':
      return {
        head: 'column.event', key: (row) => text(row, 'event'), sort: 'count', name: (row) => named('event', text(row, 'event')),
        detail: (row) => (named('event', text(row, 'event')) === text(row, 'event') ? undefined : text(row, 'event')),
        columns: [count('count', 'measure.events', 'hint.event_count'), people],
        filter: (row) => ({ event: text(row, 'event') }),
      };
    default:
      return undefined;
  }
}

/** The value of a column; null where it was not measured or cannot be computed. */
export function valueOf(row: Row, column: Column): number | string | null {
  if (column.of) return column.of(row);
  const value = row[column.key];
  return typeof value === 'number' || typeof value === 'string' ? value : null;
}

/** Good, needs improvement, poor: the thresholds of web.dev for the 75th percentile. */
const VITALS: Partial<Record<string, [number, number]>> = { lcp_p75_ms: [2500, 4000], inp_p75_ms: [200, 500], cls_p75: [0.1, 0.25], fcp_p75_ms: [1800, 3000], ttfb_p75_ms: [800, 1800] };
export type Rating = 'good' | 'warn' | 'bad';
export function ratingOf(column: Column, value: number | string | null): Rating | undefined {
  const bounds = VITALS[column.key];
  if (!bounds || typeof value !== 'number') return undefined;
  return value <= bounds[0] ? 'good' : value <= bounds[1] ? 'warn' : 'bad';
}

export function shown(value: number | string | null, { kind }: Column, currency: string): string {
  if (value === null) return '–';
  if (kind === 'time') return format.dayAndTime(String(value));
  if (typeof value === 'string') return value;
  switch (kind) {
    case 'money':
      return format.money(value, currency);
    case 'percent':
      return format.percent(value);
    case 'ms':
      return value < 1000 ? t('unit.ms', { n: Math.round(value) }) : format.duration(value);
    default:
      return format.number(value);
  }
}

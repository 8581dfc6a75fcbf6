/**
 * Filters and comparison in the address, so that a view can be bookmarked and sent: `filters` is the JSON of the API;
 * `compare` is `previous`, `year`, `none`, `FROM..TO` (days) or `segment:ID`. What cannot be read is left out.
 */
import type { Filter } from '../api/insights';
import type { Condition, FunnelOp, Scalar } from '../api/types';

export const FILTERS_MAX = 20;
const TEXT_MAX = 500;
const OPS: FunnelOp[] = ['eq', 'ne', 'in', 'not_in', 'contains', 'not_contains', 'starts_with', 'gt', 'gte', 'lt', 'lte', 'exists', 'not_exists'];

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '' && value.length <= TEXT_MAX;
const isScalar = (value: unknown): value is Scalar =>
  (typeof value === 'string' && value.length <= TEXT_MAX) || typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value));

export function readCondition(raw: unknown): Condition | undefined {
  if (typeof raw !== 'object' || raw === null) return undefined;
  const { property, op, value } = raw as Record<string, unknown>;
  const known = OPS.find((name) => name === op);
  if (!isText(property) || !known) return undefined;
  if (known === 'exists' || known === 'not_exists') return { property, op: known };
  if (known === 'in' || known === 'not_in') return Array.isArray(value) && value.length > 0 && value.every(isScalar) ? { property, op: known, value } : undefined;
  return isScalar(value) ? { property, op: known, value } : undefined;
}

/** A step of a funnel or a filter by event; undefined if any part of it cannot be read. */
export function readStep(raw: unknown): { event: string; where?: Condition[] } | undefined {
  if (typeof raw !== 'object' || raw === null) return undefined;
  const { event, where } = raw as Record<string, unknown>;
  if (!isText(event)) return undefined;
  if (where === undefined) return { event };
  const conditions = Array.isArray(where) ? where.map(readCondition) : [undefined];
  if (!conditions.every((condition) => condition !== undefined)) return undefined;
  return conditions.length > 0 ? { event, where: conditions } : { event };
}

function readFilter(raw: unknown): Filter | undefined {
  if (typeof raw !== 'object' || raw === null) return undefined;
  const { segment, op } = raw as Record<string, unknown>;
  if (isText(segment)) return op === 'not_in' ? { segment, op } : { segment };
  return 'event' in raw ? readStep(raw) : readCondition(raw);
}

export function readFilters(text: string | null): Filter[] {
  const list = parsed(text);
  if (!Array.isArray(list)) return [];
  return list.map(readFilter).filter((filter) => filter !== undefined).slice(0, FILTERS_MAX);
}

export const writeFilters = (filters: Filter[]): string | undefined => (filters.length > 0 ? JSON.stringify(filters) : undefined);

/** JSON of the address; undefined if it is none. */
export function parsed(text: string | null): unknown {
  try {
    return text ? JSON.parse(text) : undefined;
  } catch {
    return undefined;
  }
}

export type Comparison =
  | { with: 'none' | 'previous' | 'year' }
  | { with: 'days'; from: string; to: string }
  | { with: 'segment'; segment: string };

export function readComparison(text: string | null): Comparison | undefined {
  if (text === 'none' || text === 'previous' || text === 'year') return { with: text };
  const [, from, to] = /^(\d{4}-\d\d-\d\d)\.\.(\d{4}-\d\d-\d\d)$/.exec(text ?? '') ?? [];
  if (from && to && from <= to) return { with: 'days', from, to };
  return text?.startsWith('segment:') && isText(text.slice(8)) ? { with: 'segment', segment: text.slice(8) } : undefined;
}

export function writeComparison(comparison: Comparison): string {
  if (comparison.with === 'days') return `${comparison.from}..${comparison.to}`;
  return comparison.with === 'segment' ? `segment:${comparison.segment}` : comparison.with;
}

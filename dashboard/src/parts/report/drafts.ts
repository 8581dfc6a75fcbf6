import { type AttributionView, type PathsView, type RetentionView, TOUCH_DIMENSIONS, type TouchDimension } from '../../api/insights';
import type { Schema } from '../../api/types';
import { readStep as readUntrusted } from '../../state/filter-url';
import { type DraftStep, newStep, readStep, writeStep } from '../funnel/draft';

/** What retention, paths and attribution ask, while being edited. What the address has is not trusted. */

const bounded = (raw: unknown, least: number, most: number, otherwise: number): number =>
  typeof raw === 'number' && Number.isInteger(raw) && raw >= least && raw <= most ? raw : otherwise;
const part = (raw: unknown, name: string): unknown => (typeof raw === 'object' && raw !== null ? (raw as Record<string, unknown>)[name] : undefined);
function step(raw: unknown): DraftStep | undefined {
  const known = readUntrusted(raw);
  return known && readStep(known);
}

export type RetentionDraft = { interval: RetentionView['interval']; first: DraftStep; returning: DraftStep | undefined; periods: number };
export const RETENTION_INTERVALS = ['day', 'week', 'month'] as const;
/** As many intervals as a table shows without scrolling far. */
export const PERIODS = { day: 14, week: 8, month: 6 } as const satisfies Record<RetentionView['interval'], number>;
export const PERIODS_MAX = 52;

export function readRetention(raw: unknown): RetentionDraft {
  const interval = RETENTION_INTERVALS.find((name) => name === part(raw, 'interval')) ?? 'week';
  return { interval, first: step(part(raw, 'first')) ?? newStep('page'), returning: step(part(raw, 'return')), periods: bounded(part(raw, 'periods'), 1, PERIODS_MAX, PERIODS[interval]) };
}

export function writeRetention({ interval, first, returning, periods }: RetentionDraft): RetentionView | undefined {
  const start = writeStep(first);
  const back = returning && writeStep(returning);
  if (!start || (returning && !back) || !(periods >= 1 && periods <= PERIODS_MAX)) return undefined;
  return { interval, first: start, ...(back && { return: back }), periods: Math.round(periods) };
}

export type PathsDraft = { direction: 'start' | 'from' | 'to'; step: DraftStep; steps: number; nodes: number };
export const PATH_STEPS = [2, 3, 4, 5, 6, 7, 8, 9, 10];
export const PATH_NODES = [5, 8, 12, 20, 30, 50];

export function readPaths(raw: unknown): PathsDraft {
  const [from, to] = [step(part(raw, 'from_step')), step(part(raw, 'to_step'))];
  return { direction: from ? 'from' : to ? 'to' : 'start', step: from ?? to ?? newStep(), steps: bounded(part(raw, 'steps'), 2, 10, 5), nodes: bounded(part(raw, 'nodes'), 2, 50, 8) };
}

export function writePaths({ direction, step, steps, nodes }: PathsDraft): PathsView | undefined {
  if (direction === 'start') return { steps, nodes };
  const point = writeStep(step);
  return point && { [direction === 'from' ? 'from_step' : 'to_step']: point, steps, nodes };
}

/** The step that a name of a path stands for: a path of a page view begins with a slash. */
export const stepOfNode = (name: string): DraftStep =>
  readStep(name.startsWith('/') ? { event: 'page', where: [{ property: '$path', op: 'eq', value: name }] } : { event: name });

export type AttributionDraft = { conversion: DraftStep; windowDays: number; dimension: TouchDimension };
export const WINDOWS = [1, 7, 14, 30, 60, 90];

export function readAttribution(raw: unknown): AttributionDraft {
  return {
    conversion: step(part(raw, 'conversion')) ?? newStep('Order Completed'),
    windowDays: bounded(part(raw, 'window_days'), 1, 90, 30),
    dimension: TOUCH_DIMENSIONS.find((name) => name === part(raw, 'dimension')) ?? 'channel',
  };
}

export function writeAttribution({ conversion, windowDays, dimension }: AttributionDraft): AttributionView | undefined {
  const event = writeStep(conversion);
  return event && { conversion: event, window_days: windowDays, dimension };
}

export type EventsDraft = { event: string; property: string };
export const readEvents = (raw: unknown): EventsDraft => {
  const [event, property] = [part(raw, 'event'), part(raw, 'property')];
  return { event: typeof event === 'string' ? event.slice(0, 200) : '', property: typeof property === 'string' ? property.slice(0, 200) : '' };
};
export const writeEvents = ({ event, property }: EventsDraft): Partial<EventsDraft> => (event ? { event, ...(property && { property }) } : {});

/** The properties of an event, as far as the site sent any. */
export const propertiesOf = (schema: Schema | undefined, event: string): string[] => schema?.events.find((known) => known.name === event)?.properties ?? [];

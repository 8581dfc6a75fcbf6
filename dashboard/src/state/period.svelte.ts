import {
  type CalendarDate,
  type DateDuration,
  endOfMonth,
  fromAbsolute,
  GregorianCalendar,
  parseDate,
  startOfMonth,
  toCalendar,
  today,
} from '@internationalized/date';
import type { Counting, Interval, Period, Site, Unit } from '../api/types';
import { userCalendar } from './calendar';
import { router } from './router.svelte';

export const PRESETS = ['today', 'yesterday', '7d', '30d', '90d', 'month', 'last_month', '12m'] as const;
export type Preset = (typeof PRESETS)[number];
export type Days = { start: CalendarDate; end: CalendarDate };

const DEFAULT: Preset = '30d';
const INTERVALS: Interval[] = ['hour', 'day', 'week', 'month'];

function presetDays(preset: Preset, now: CalendarDate): Days {
  const local = toCalendar(now, userCalendar());
  const lastMonth = startOfMonth(local).subtract({ days: 1 });
  switch (preset) {
    case 'today':
      return { start: now, end: now };
    case 'yesterday':
      return { start: now.subtract({ days: 1 }), end: now.subtract({ days: 1 }) };
    case '7d':
      return { start: now.subtract({ days: 6 }), end: now };
    case '30d':
      return { start: now.subtract({ days: 29 }), end: now };
    case '90d':
      return { start: now.subtract({ days: 89 }), end: now };
    case 'month':
      return { start: startOfMonth(local), end: endOfMonth(local) };
    case 'last_month':
      return { start: startOfMonth(lastMonth), end: endOfMonth(lastMonth) };
    case '12m':
      return { start: now.subtract({ years: 1 }).add({ days: 1 }), end: now };
  }
}

function parsedDay(text: string | null): CalendarDate | undefined {
  try {
    return text ? parseDate(text) : undefined;
  } catch {
    return undefined;
  }
}

const range = ({ start, end }: Days, timezone: string): Period => ({
  from: start.toDate(timezone).toISOString(),
  to: end.add({ days: 1 }).toDate(timezone).toISOString(),
  timezone,
});

const daysBetween = (start: CalendarDate, end: CalendarDate): number =>
  Math.round((end.toDate('UTC').getTime() - start.toDate('UTC').getTime()) / 86_400_000);

/** The last days of a site up to today. */
export function lastDays(site: Site, days: number): Period {
  const now = today(site.timezone);
  return range({ start: now.subtract({ days: days - 1 }), end: now }, site.timezone);
}

/** The number of months if the days are whole months of the user's calendar. */
function wholeMonths(days: Days): number | undefined {
  const start = toCalendar(days.start, userCalendar());
  const next = toCalendar(days.end, userCalendar()).add({ days: 1 });
  return start.day === 1 && next.day === 1 ? (next.year - start.year) * 12 + next.month - start.month : undefined;
}

/** The date range of all reports, kept in the URL so that shared links show the same data. */
class PeriodState {
  readonly preset = $derived.by<Preset | undefined>(() => {
    if (this.#custom) return undefined;
    const name = router.query.get('period');
    return PRESETS.find((preset) => preset === name) ?? DEFAULT;
  });

  readonly #custom = $derived.by<Days | undefined>(() => {
    const start = parsedDay(router.query.get('from'));
    const end = parsedDay(router.query.get('to'));
    return start && end && start.compare(end) <= 0 ? { start, end } : undefined;
  });

  readonly #interval = $derived(INTERVALS.find((interval) => interval === router.query.get('interval')));

  /** What lists and funnels count. */
  readonly unit = $derived<Unit>(router.query.get('unit') === 'visitor' ? 'visitor' : 'person');
  /** The same as a part of a question; people are the server's default. */
  readonly counting = $derived<Counting>(this.unit === 'visitor' ? { unit: 'visitor' } : {});

  /** The query string that carries date range, unit, filters and comparison to another page. */
  readonly search = $derived.by(() => {
    const params = new URLSearchParams();
    for (const name of ['period', 'from', 'to', 'unit', 'filters', 'compare']) {
      const value = router.query.get(name);
      if (value) params.set(name, value);
    }
    return params.size ? `?${params}` : '';
  });

  days(timezone: string): Days {
    const { start, end } = this.#custom ?? presetDays(this.preset ?? DEFAULT, today(timezone));
    return { start: toCalendar(start, userCalendar()), end: toCalendar(end, userCalendar()) };
  }

  of(site: Site): Period {
    return range(this.days(site.timezone), site.timezone);
  }

  /** Whether the period is not over yet. */
  running(site: Site): boolean {
    return Date.parse(this.of(site).to) > Date.now();
  }

  /** The days to compare with in a chart, so that whole days, weekdays or months lie under each other. */
  daysBefore(site: Site): Days {
    const { start, end } = this.days(site.timezone);
    const shift = this.#shift(site);
    const [first, last] = [start.subtract(shift), end.subtract(shift)];
    const latest = start.subtract({ days: 1 });
    const toLatest = this.interval(site) !== 'week' && wholeMonths({ start, end }) !== undefined;
    return { start: first, end: toLatest || last.compare(latest) > 0 ? latest : last };
  }

  before(site: Site): Period {
    return range(this.daysBefore(site), site.timezone);
  }

  /**
   * The same days of the year before, as far as the period has come; with weeks, 52 weeks before, so that weekdays lie
   * under each other.
   */
  yearBefore(site: Site): Period {
    const { start, end } = this.days(site.timezone);
    const shift = this.#yearShift(site);
    const before = range({ start: start.subtract(shift), end: end.subtract(shift) }, site.timezone);
    if (!this.running(site)) return before;
    const now = toCalendar(fromAbsolute(Date.now(), site.timezone), userCalendar()).set({ minute: 0, second: 0, millisecond: 0 }).add({ hours: 1 });
    return { ...before, to: now.subtract(shift).toDate().toISOString() };
  }

  /** A period of days as `2026-11-01`; undefined if one is none. */
  between(site: Site, from: string, to: string): Period | undefined {
    const [start, end] = [parsedDay(from), parsedDay(to)];
    return start && end ? range({ start, end }, site.timezone) : undefined;
  }

  /** The start of the step of the compared period that lies under the one that starts at `at`, in milliseconds. */
  counterpart(site: Site, at: string, compared: 'previous' | 'year' = 'previous'): number {
    const shift = compared === 'year' ? this.#yearShift(site) : this.#shift(site);
    return toCalendar(fromAbsolute(Date.parse(at), site.timezone), userCalendar()).subtract(shift).toDate().getTime();
  }

  #yearShift(site: Site): DateDuration {
    return this.interval(site) === 'week' ? { weeks: 52 } : { years: 1 };
  }

  /**
   * What lies between the period and the one before, in calendar units: days differ in length where clocks change.
   * Whole months follow whole months, as in the totals of the server.
   */
  #shift(site: Site): DateDuration {
    const days = this.days(site.timezone);
    const interval = this.interval(site);
    const length = this.#length(site);
    const months = wholeMonths(days);
    if (interval === 'month') return { months: months ?? Math.max(1, Math.ceil(length / 30.44 - 0.1)) };
    if (interval === 'week') return { days: Math.ceil(length / 7) * 7 };
    return { days: months ? daysBetween(days.start.subtract({ months }), days.start) : length };
  }

  /** The chart interval: the user's choice if valid for this range, otherwise one that suits its length. */
  interval(site: Site): Interval {
    const choices = this.intervals(site);
    if (this.#interval && choices.includes(this.#interval)) return this.#interval;
    const length = this.#length(site);
    return length <= 2 ? 'hour' : length <= 92 ? 'day' : length <= 366 ? 'week' : 'month';
  }

  intervals(site: Site): Interval[] {
    const length = this.#length(site);
    if (length <= 2) return ['hour'];
    if (length <= 14) return ['hour', 'day'];
    return length <= 60 ? ['day', 'week'] : ['day', 'week', 'month'];
  }

  choosePreset(preset: Preset): void {
    router.setQuery({ period: preset === DEFAULT ? undefined : preset, from: undefined, to: undefined }, { push: true });
  }

  chooseDays({ start, end }: Days): void {
    const iso = (day: CalendarDate) => toCalendar(day, new GregorianCalendar()).toString();
    router.setQuery({ period: undefined, from: iso(start), to: iso(end) }, { push: true });
  }

  chooseUnit(unit: Unit): void {
    router.setQuery({ unit: unit === 'person' ? undefined : unit }, { push: true });
  }

  chooseInterval(interval: Interval): void {
    router.setQuery({ interval });
  }

  #length(site: Site): number {
    const { start, end } = this.days(site.timezone);
    return daysBetween(start, end) + 1;
  }
}

export const period = new PeriodState();

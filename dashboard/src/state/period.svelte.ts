import {
  type CalendarDate,
  endOfMonth,
  GregorianCalendar,
  parseDate,
  PersianCalendar,
  startOfMonth,
  toCalendar,
  today,
} from '@internationalized/date';
import type { Interval, Period, Site } from '../api/types';
import { preferences } from './preferences.svelte';
import { router } from './router.svelte';

export const PRESETS = ['today', 'yesterday', '7d', '30d', '90d', 'month', 'last_month', '12m'] as const;
export type Preset = (typeof PRESETS)[number];
export type Days = { start: CalendarDate; end: CalendarDate };

const DEFAULT: Preset = '30d';
const INTERVALS: Interval[] = ['hour', 'day', 'week', 'month'];

/** Months follow the user's calendar: Persian months in Persian. */
function userCalendar() {
  return preferences.language === 'fa' ? new PersianCalendar() : new GregorianCalendar();
}

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
      return { start: startOfMonth(local), end: now };
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

  /** The query string that carries the date range to another page. */
  readonly search = $derived.by(() => {
    const params = new URLSearchParams();
    for (const name of ['period', 'from', 'to']) {
      const value = router.query.get(name);
      if (value) params.set(name, value);
    }
    return params.size ? `?${params}` : '';
  });

  days(timezone: string): Days {
    return this.#custom ?? presetDays(this.preset ?? DEFAULT, today(timezone));
  }

  of(site: Site): Period {
    const { start, end } = this.days(site.timezone);
    return {
      from: start.toDate(site.timezone).toISOString(),
      to: end.add({ days: 1 }).toDate(site.timezone).toISOString(),
      timezone: site.timezone,
    };
  }

  /** The previous period of equal length. */
  before(site: Site): Period {
    const { from, to, timezone } = this.of(site);
    const length = Date.parse(to) - Date.parse(from);
    return { from: new Date(Date.parse(from) - length).toISOString(), to: from, timezone };
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
    router.setQuery({ period: preset === DEFAULT ? undefined : preset, from: undefined, to: undefined });
  }

  chooseDays({ start, end }: Days): void {
    const iso = (day: CalendarDate) => toCalendar(day, new GregorianCalendar()).toString();
    router.setQuery({ period: undefined, from: iso(start), to: iso(end) });
  }

  chooseInterval(interval: Interval): void {
    router.setQuery({ interval });
  }

  #length(site: Site): number {
    const { start, end } = this.days(site.timezone);
    const day = 86_400_000;
    return Math.round((end.toDate('UTC').getTime() - start.toDate('UTC').getTime()) / day) + 1;
  }
}

export const period = new PeriodState();

import { type DateTimeDuration, fromAbsolute, toCalendar } from '@internationalized/date';
import type { Interval, Period } from '../api/types';
import { t } from '../i18n/index.svelte';
import * as format from '../i18n/format';
import { userCalendar } from '../state/calendar';

/** One step of a time series, as far as it lies in the period. */
export type Bucket = {
  /** Axis label. */
  name: string;
  /** Label for tooltip and table: the days it covers, and whether it is unfinished. */
  detail: string;
  /** Cut by the period or not over: its figure is not comparable with whole steps. */
  partial: boolean;
  /** Not begun: there is no figure yet. */
  future: boolean;
};

const STEP: Record<Interval, DateTimeDuration> = { hour: { hours: 1 }, day: { days: 1 }, week: { weeks: 1 }, month: { months: 1 } };

export function buckets(starts: string[], interval: Interval, { from, to, timezone }: Period, now = Date.now()): Bucket[] {
  return starts.map((at) => {
    const begin = Date.parse(at);
    const end = toCalendar(fromAbsolute(begin, timezone), userCalendar()).add(STEP[interval]).toDate().getTime();
    const first = Math.max(begin, Date.parse(from));
    const last = Math.min(end, Date.parse(to));
    const running = first <= now && now < last;
    const range = format.dayRange(new Date(first), new Date(last - 1), timezone);
    const detail = interval === 'hour' ? hour(first, timezone) : interval === 'day' ? format.weekday(at, timezone) : range;
    return {
      name: interval === 'hour' ? hour(first, timezone) : interval === 'month' ? format.month(at, timezone) : format.dayAndMonth(new Date(first), timezone),
      detail: running ? t('chart.so_far', { time: detail }) : detail,
      partial: running || first > begin || last < end,
      future: first > now,
    };
  });
}

const hour = (at: number, timezone: string) => `${format.dayAndMonth(new Date(at), timezone)} ${format.time(new Date(at), timezone)}`;

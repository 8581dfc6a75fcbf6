import type { Interval } from '../api/types';
import * as format from '../i18n/format';

/** Axis label of a time bucket, in the site's time zone. */
export function bucketName(at: string, interval: Interval, timezone: string): string {
  if (interval === 'hour') return `${format.dayAndMonth(at, timezone)} ${format.time(at, timezone)}`;
  return interval === 'month' ? format.day(at, timezone) : format.dayAndMonth(at, timezone);
}

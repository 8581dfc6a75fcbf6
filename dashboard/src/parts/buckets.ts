import type { Interval } from '../api/types';
import * as format from '../i18n/format';

/** The name of a bucket of time on an axis. Buckets are those of the site's time zone. */
export function bucketName(at: string, interval: Interval, timezone: string): string {
  if (interval === 'hour') return `${format.dayAndMonth(at, timezone)} ${format.time(at, timezone)}`;
  return interval === 'month' ? format.day(at, timezone) : format.dayAndMonth(at, timezone);
}

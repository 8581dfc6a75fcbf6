import type { PageRow, SourceBy, SourceRow, VisitorBy, VisitorRow } from '../api/types';
import { named, t } from '../i18n/index.svelte';
import * as format from '../i18n/format';
import type { Bar } from './RankedBars.svelte';

/** Converts report rows to ranked bars. */

export const sourceName = (value: string, by: SourceBy): string =>
  value === '' ? t('value.none') : by === 'channel' ? named('channel', value) : value;

export function visitorName(value: string, by: VisitorBy): string {
  if (value === '') return t('value.unknown');
  if (by === 'country') return format.country(value);
  if (by === 'language') return format.language(value);
  return by === 'device' ? named('device', value) : value;
}

export const pageBars = (rows: PageRow[]): Bar[] =>
  rows.map((row) => ({
    key: row.path,
    name: row.path,
    detail: row.title ? `${row.title} — ${row.path}` : row.path,
    value: row.pageviews,
    ltr: true,
  }));

export const sourceBars = (rows: SourceRow[], by: SourceBy): Bar[] =>
  rows.map((row) => ({ key: row.value, name: sourceName(row.value, by), value: row.visitors }));

export const visitorBars = (rows: VisitorRow[], by: VisitorBy): Bar[] =>
  rows.map((row) => ({ key: row.value, name: visitorName(row.value, by), value: row.visitors }));

import type { Filter } from '../../api/insights';
import { named, t } from '../../i18n/index.svelte';
import { conditionText } from '../funnel/condition-text';
import { segmentName } from '../segments/names';
import type { Comparison } from '../../state/filter-url';

/** Names of segments by id, as far as they are known. */
export type SegmentNames = { id: string; name?: string }[];
export const nameOfSegment = (id: string, known: SegmentNames): string => segmentName(known.find((segment) => segment.id === id) ?? { id });

/** A filter on one line, such as "country = Germany". */
export function filterText(filter: Filter, segments: SegmentNames): string {
  if ('segment' in filter) {
    return t(filter.op === 'not_in' ? 'filter.segment_is_not' : 'filter.segment_is', { segment: nameOfSegment(filter.segment, segments) });
  }
  if (!('event' in filter)) return conditionText(filter);
  const where = (filter.where ?? []).map(conditionText).join(t('list.comma'));
  return `${t('filter.happened', { event: named('event', filter.event) })}${where && ` (${where})`}`;
}

/** What a report is compared with, such as "Previous period". */
export function comparisonName(compared: Comparison, segments: SegmentNames): string {
  if (compared.with === 'segment') return t('compare.segment', { segment: nameOfSegment(compared.segment, segments) });
  return compared.with === 'days' ? t('compare.days').replace('…', '') : t(`compare.${compared.with}`);
}

import { GregorianCalendar, toCalendar } from '@internationalized/date';
import type { Compare, Filter } from '../api/insights';
import type { Counting, Period, Site } from '../api/types';
import { type Comparison, FILTERS_MAX, readComparison, readFilters, writeComparison, writeFilters } from './filter-url';
import { period } from './period.svelte';
import { router } from './router.svelte';

/** Filters and comparison of all reports, kept in the address. */
class FilterState {
  readonly list = $derived<Filter[]>(readFilters(router.query.get('filters')));
  /** Undefined: what the page compares with by itself. */
  readonly chosen = $derived<Comparison | undefined>(readComparison(router.query.get('compare')));
  readonly full = $derived(this.list.length >= FILTERS_MAX);

  add(filter: Filter): void {
    const text = JSON.stringify(filter);
    if (!this.full && !this.list.some((known) => JSON.stringify(known) === text)) this.#put([...this.list, filter]);
  }

  /** Keeps a value of a property; the empty one stands for its absence. */
  addValue(property: string, value: string): void {
    this.add(value === '' ? { property, op: 'not_exists' } : { property, op: 'eq', value });
  }

  replace(index: number, filter: Filter): void {
    this.#put(this.list.with(index, filter));
  }

  remove(index: number): void {
    this.#put(this.list.toSpliced(index, 1));
  }

  clear(): void {
    this.#put([]);
  }

  compareWith(comparison: Comparison | undefined): void {
    router.setQuery({ compare: comparison && writeComparison(comparison) }, { push: true });
  }

  #put(filters: Filter[]): void {
    router.setQuery({ filters: writeFilters(filters) }, { push: true });
  }
}

export const filters = new FilterState();

export type Asked = Period & Counting & { filters?: Filter[]; compare?: Compare };
/** What a page compares with unless something is chosen; false: it compares nothing. */
export type CompareDefault = 'previous' | 'none' | false;

/** The comparison in effect on a page. */
export const comparison = (fallback: CompareDefault): Comparison => (fallback === false ? { with: 'none' } : (filters.chosen ?? { with: fallback }));

/** The compared period; undefined if it is the report's own. */
export function comparedPeriod(site: Site, compared: Comparison): Period | undefined {
  switch (compared.with) {
    case 'previous':
      return period.before(site);
    case 'year':
      return period.yearBefore(site);
    case 'days':
      return period.between(site, compared.from, compared.to);
    default:
      return undefined;
  }
}

/** The part of a question that all reports have in common. */
export function asked(site: Site, fallback: CompareDefault = false): Asked {
  const question: Asked = { ...period.of(site), ...period.counting };
  if (filters.list.length > 0) question.filters = filters.list;
  const compared = comparison(fallback);
  const days = comparedPeriod(site, compared);
  if (days) question.compare = { from: days.from, to: days.to };
  if (compared.with === 'segment') question.compare = { filters: [...filters.list.filter((filter) => !('segment' in filter)), { segment: compared.segment }] };
  return question;
}

/** Days of the period as the address has them, to start a comparison of own days with. */
export function daysOf(site: Site): { from: string; to: string } {
  const { start, end } = period.daysBefore(site);
  const iso = (day: typeof start) => toCalendar(day, new GregorianCalendar()).toString();
  return { from: iso(start), to: iso(end) };
}

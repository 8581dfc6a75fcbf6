import type { Filter } from '../../api/insights';
import type { Key } from '../../i18n/index.svelte';
import { PRESETS, type Preset } from '../../state/period.svelte';
import { writeFilters } from '../../state/filter-url';

/** Reports that can be saved and shared: their pages, and what of a question those have in the address by name. */
export const REPORTS = {
  overview: { page: 'overview', title: 'nav.overview' },
  pages: { page: 'pages', title: 'nav.pages' },
  sources: { page: 'sources', title: 'nav.sources', names: ['by'] },
  visitors: { page: 'overview', title: 'overview.visitors' },
  funnel: { page: 'funnel', title: 'nav.funnel' },
  campaigns: { page: 'campaigns', title: 'nav.campaigns' },
  locations: { page: 'locations', title: 'nav.locations', names: ['by'] },
  retention: { page: 'retention', title: 'nav.retention' },
  paths: { page: 'paths', title: 'nav.paths' },
  attribution: { page: 'attribution', title: 'nav.attribution' },
  goals: { page: 'goals', title: 'nav.goals' },
  products: { page: 'products', title: 'nav.products', names: ['search'] },
  searches: { page: 'behaviour', title: 'behaviour.searches', tab: 'searches' },
  links: { page: 'behaviour', title: 'behaviour.links', tab: 'links' },
  errors: { page: 'behaviour', title: 'behaviour.errors', tab: 'errors' },
  vitals: { page: 'behaviour', title: 'behaviour.vitals', tab: 'vitals' },
  events: { page: 'events', title: 'nav.events' },
  rfm: { page: 'customers', title: 'nav.customers' },
} as const satisfies Record<string, { page: string; title: Key; names?: string[]; tab?: string }>;
export type SavableReport = keyof typeof REPORTS;
export const isReport = (name: string): name is SavableReport => name in REPORTS;

/** What every question has, and what the page decides by itself. */
const COMMON = ['from', 'to', 'timezone', 'unit', 'filters', 'compare', 'calendar', 'limit', 'interval'];
const PRESET_DAYS: Partial<Record<Preset, number>> = { today: 1, '7d': 7, '30d': 30, '90d': 90, '12m': 365 };

/** The number of last days that a preset means; undefined for fixed days and for calendar months. */
export const daysOfPreset = (preset: Preset | undefined): number | undefined => preset && PRESET_DAYS[preset];

type Kept = { report: string; question: Record<string, unknown>; period?: { days: number } | null };

/** The address that shows a saved question, below the site; undefined for a report that has no page. */
export function viewPath({ report, question, period }: Kept, timezone: string): string | undefined {
  if (!isReport(report)) return undefined;
  const { page, ...known } = REPORTS[report] as { page: string; names?: string[]; tab?: string };
  const params = new URLSearchParams();
  const preset = PRESETS.find((name) => period && PRESET_DAYS[name] === period.days);
  if (preset) params.set('period', preset);
  else if (typeof question.from === 'string' && typeof question.to === 'string') {
    params.set('from', dayIn(question.from, timezone));
    params.set('to', dayIn(new Date(Date.parse(question.to) - 1).toISOString(), timezone));
  }
  if (question.unit === 'visitor') params.set('unit', 'visitor');
  const filters = Array.isArray(question.filters) ? writeFilters(question.filters as Filter[]) : undefined;
  if (filters) params.set('filters', filters);
  const compare = compareParam(question.compare, timezone);
  if (compare) params.set('compare', compare);
  if (known.tab) params.set('tab', known.tab);
  for (const name of [...(known.names ?? []), ...(report === 'overview' ? ['interval'] : [])]) {
    if (typeof question[name] === 'string') params.set(name, question[name]);
  }
  const view = Object.fromEntries(Object.entries(question).filter(([name]) => !(known.names ?? []).includes(name) && (!COMMON.includes(name) || (name === 'interval' && report !== 'overview'))));
  if (Object.keys(view).length > 0) params.set('view', JSON.stringify(view));
  return `/${page}${params.size ? `?${params}` : ''}`;
}

function compareParam(raw: unknown, timezone: string): string | undefined {
  if (typeof raw !== 'object' || raw === null) return undefined;
  const { from, to, filters } = raw as { from?: string; to?: string; filters?: Filter[] };
  if (from && to) return `${dayIn(from, timezone)}..${dayIn(new Date(Date.parse(to) - 1).toISOString(), timezone)}`;
  const segment = filters?.findLast((filter) => 'segment' in filter);
  return segment && `segment:${segment.segment}`;
}

/** The day of a moment in a time zone, as `2026-11-01`. */
const dayIn = (at: string, timeZone: string): string =>
  new Intl.DateTimeFormat('en-CA', { timeZone, year: 'numeric', month: '2-digit', day: '2-digit' }).format(new Date(at));

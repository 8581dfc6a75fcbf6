import type { Component } from 'svelte';
import type { Site } from './api/types';
import { type Key, withTexts } from './i18n/index.svelte';
import type { IconName } from './parts/Icon.svelte';

export type PageProps = { site: Site; rest: string | undefined };
type SitePage = {
  page: string;
  title: Key;
  /** Absent for pages that are not in the menu. */
  icon?: IconName;
  /** Whether the page uses the selected date range. */
  period?: boolean;
  load: () => Promise<{ default: Component<PageProps> }>;
};

/** Pages below `/dashboard/sites/ID/`, in menu order. */
export const SITE_PAGES: SitePage[] = [
  { page: 'overview', title: 'nav.overview', icon: 'overview', period: true, load: () => import('./pages/Overview.svelte') },
  { page: 'realtime', title: 'nav.realtime', icon: 'realtime', load: () => import('./pages/Realtime.svelte') },
  { page: 'pages', title: 'nav.pages', icon: 'pages', period: true, load: () => import('./pages/Pages.svelte') },
  { page: 'sources', title: 'nav.sources', icon: 'sources', period: true, load: () => import('./pages/Sources.svelte') },
  { page: 'funnel', title: 'nav.funnel', icon: 'funnel', period: true, load: () => import('./pages/Funnel.svelte') },
  { page: 'people', title: 'nav.people', icon: 'account', load: () => import('./pages/People.svelte') },
  { page: 'customers', title: 'nav.customers', icon: 'team', period: true, load: () => import('./pages/Customers.svelte') },
  { page: 'segments', title: 'nav.segments', icon: 'segments', load: () => import('./pages/Segments.svelte') },
  { page: 'satisfaction', title: 'nav.satisfaction', icon: 'satisfaction', period: true, load: () => import('./pages/Satisfaction.svelte') },
  { page: 'offers', title: 'nav.offers', icon: 'offers', period: true, load: () => import('./pages/Offers.svelte') },
  { page: 'experiments', title: 'nav.experiments', icon: 'experiments', load: () => import('./pages/Experiments.svelte') },
  { page: 'recommendations', title: 'nav.recommendations', icon: 'recommendations', period: true, load: () => import('./pages/Recommendations.svelte') },
  { page: 'catalogue', title: 'nav.catalogue', icon: 'table', load: () => import('./pages/Catalogue.svelte') },
  { page: 'quality', title: 'nav.quality', icon: 'quality', load: () => import('./pages/Quality.svelte') },
  { page: 'webhooks', title: 'nav.webhooks', icon: 'webhooks', load: () => import('./pages/Webhooks.svelte') },
  { page: 'install', title: 'nav.install', icon: 'install', load: () => withTexts('people', import('./pages/Install.svelte')) },
  { page: 'visitors', title: 'nav.visitor', load: () => import('./pages/Visitor.svelte') },
];

type AccountPage = { page: string; title: Key; icon: IconName; owner?: boolean; load: () => Promise<{ default: Component }> };

/** Pages that belong to no site, in the order of the account menu. */
export const ACCOUNT_PAGES: AccountPage[] = [
  { page: 'account', title: 'nav.account', icon: 'account', load: () => withTexts('people', import('./pages/Account.svelte')) },
  { page: 'team', title: 'nav.team', icon: 'team', owner: true, load: () => withTexts('people', import('./pages/Team.svelte')) },
  { page: 'audit-log', title: 'nav.audit_log', icon: 'log', owner: true, load: () => withTexts('people', import('./pages/AuditLog.svelte')) },
];

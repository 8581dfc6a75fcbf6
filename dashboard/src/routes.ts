import type { Component } from 'svelte';
import type { Site } from './api/types';
import { type Key, withTexts } from './i18n/index.svelte';
import type { IconName } from './parts/Icon.svelte';

export type PageProps = { site: Site; rest: string | undefined };
export const GROUPS = ['analytics', 'people', 'personalisation', 'settings'] as const;
export type NavGroup = (typeof GROUPS)[number];
type SitePage = {
  page: string;
  title: Key;
  /** Absent for pages that are not in the menu. */
  group?: NavGroup;
  icon?: IconName;
  load: () => Promise<{ default: Component<PageProps> }>;
};

/** Pages below `/dashboard/sites/ID/`, in menu order. */
export const SITE_PAGES: SitePage[] = [
  { page: 'overview', title: 'nav.overview', group: 'analytics', icon: 'overview', load: () => import('./pages/Overview.svelte') },
  { page: 'realtime', title: 'nav.realtime', group: 'analytics', icon: 'realtime', load: () => import('./pages/Realtime.svelte') },
  { page: 'saved', title: 'nav.saved', group: 'analytics', icon: 'bookmark', load: () => withTexts('insights', import('./pages/Saved.svelte')) },
  { page: 'pages', title: 'nav.pages', group: 'analytics', icon: 'pages', load: () => import('./pages/Pages.svelte') },
  { page: 'sources', title: 'nav.sources', group: 'analytics', icon: 'sources', load: () => import('./pages/Sources.svelte') },
  { page: 'campaigns', title: 'nav.campaigns', group: 'analytics', icon: 'campaigns', load: () => withTexts('insights', import('./pages/Campaigns.svelte')) },
  { page: 'attribution', title: 'nav.attribution', group: 'analytics', icon: 'attribution', load: () => withTexts('insights', import('./pages/Attribution.svelte')) },
  { page: 'locations', title: 'nav.locations', group: 'analytics', icon: 'locations', load: () => withTexts('insights', import('./pages/Locations.svelte')) },
  { page: 'products', title: 'nav.products', group: 'analytics', icon: 'products', load: () => withTexts('insights', import('./pages/Products.svelte')) },
  { page: 'goals', title: 'nav.goals', group: 'analytics', icon: 'goals', load: () => withTexts('insights', import('./pages/Goals.svelte')) },
  { page: 'funnel', title: 'nav.funnel', group: 'analytics', icon: 'funnel', load: () => import('./pages/Funnel.svelte') },
  { page: 'retention', title: 'nav.retention', group: 'analytics', icon: 'retention', load: () => withTexts('insights', import('./pages/Retention.svelte')) },
  { page: 'paths', title: 'nav.paths', group: 'analytics', icon: 'paths', load: () => withTexts('insights', import('./pages/Paths.svelte')) },
  { page: 'behaviour', title: 'nav.behaviour', group: 'analytics', icon: 'behaviour', load: () => withTexts('insights', import('./pages/Behaviour.svelte')) },
  { page: 'events', title: 'nav.events', group: 'analytics', icon: 'events', load: () => withTexts('insights', import('./pages/Events.svelte')) },
  { page: 'people', title: 'nav.people', group: 'people', icon: 'account', load: () => import('./pages/People.svelte') },
  { page: 'customers', title: 'nav.customers', group: 'people', icon: 'team', load: () => import('./pages/Customers.svelte') },
  { page: 'segments', title: 'nav.segments', group: 'people', icon: 'segments', load: () => import('./pages/Segments.svelte') },
  { page: 'satisfaction', title: 'nav.satisfaction', group: 'people', icon: 'satisfaction', load: () => import('./pages/Satisfaction.svelte') },
  { page: 'offers', title: 'nav.offers', group: 'personalisation', icon: 'offers', load: () => import('./pages/Offers.svelte') },
  { page: 'experiments', title: 'nav.experiments', group: 'personalisation', icon: 'experiments', load: () => import('./pages/Experiments.svelte') },
  { page: 'recommendations', title: 'nav.recommendations', group: 'personalisation', icon: 'recommendations', load: () => import('./pages/Recommendations.svelte') },
  { page: 'catalogue', title: 'nav.catalogue', group: 'personalisation', icon: 'table', load: () => import('./pages/Catalogue.svelte') },
  { page: 'install', title: 'nav.install', group: 'settings', icon: 'install', load: () => withTexts('people', import('./pages/Install.svelte')) },
  { page: 'quality', title: 'nav.quality', group: 'settings', icon: 'quality', load: () => import('./pages/Quality.svelte') },
  { page: 'webhooks', title: 'nav.webhooks', group: 'settings', icon: 'webhooks', load: () => import('./pages/Webhooks.svelte') },
  { page: 'visitors', title: 'nav.visitor', load: () => import('./pages/Visitor.svelte') },
];

type AccountPage = { page: string; title: Key; icon: IconName; owner?: boolean; load: () => Promise<{ default: Component }> };

/** Pages that belong to no site, in the order of the account menu. */
export const ACCOUNT_PAGES: AccountPage[] = [
  { page: 'account', title: 'nav.account', icon: 'account', load: () => withTexts('people', import('./pages/Account.svelte')) },
  { page: 'team', title: 'nav.team', icon: 'team', owner: true, load: () => withTexts('people', import('./pages/Team.svelte')) },
  { page: 'audit-log', title: 'nav.audit_log', icon: 'log', owner: true, load: () => withTexts('people', import('./pages/AuditLog.svelte')) },
];

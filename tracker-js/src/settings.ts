// Settings: from the tag, known at the start, and from the dashboard, received with the first answer. There is one tracker
// per page, so these are plain module variables.
import type { Options } from './types';

export let settings: Options;

/** Site settings from the server. While they are unknown, the stricter rule applies. */
export interface SiteSettings {
  /** Version of the settings; the server sends them again if it has another one. */
  v?: string;
  /** Consent assumed until the visitor decides. */
  consent?: boolean;
  /** Whether the browser's privacy signal counts as denied consent. */
  gpc?: boolean;
  /** False on cookieless sites, where nothing is stored in browsers. */
  keep?: boolean;
  /** Automatically captured event types, see events.ts. */
  on?: string[];
  /** Other origins of the site, for cross-domain linking. */
  origins?: string[];
}

export let site: SiteSettings;

export function configure(options: Options): void {
  settings = options;
}

export function setSite(update: SiteSettings): void {
  site = update;
}

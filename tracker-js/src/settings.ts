// What the site owner chose: in the tag, known from the start, and in the dashboard, learned with
// the first answer. One tracker lives on a page, so these are plain module variables and not an
// object handed from call to call.
import type { Options } from './types';

export let settings: Options;

/** What the server says of the site. Nothing is known of it at first: then the stricter rule holds. */
export interface SiteSettings {
  /** Names this state of the settings; the server tells them anew when it has another. */
  v?: string;
  /** What holds until the visitor says otherwise. */
  consent?: boolean;
  /** Whether the browser's privacy signal counts as a refusal. */
  gpc?: boolean;
  /** False where visitors are known without anything being kept in their browsers. */
  keep?: boolean;
  /** What is noticed by itself, by the types of events.ts. */
  on?: string[];
  /** Other origins of the site, to which a visitor may be carried over. */
  origins?: string[];
}

export let site: SiteSettings;

export function configure(options: Options): void {
  settings = options;
}

export function know(news: SiteSettings): void {
  site = news;
}

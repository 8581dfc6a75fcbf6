// What the visitor allows. A browser that objects (Global Privacy Control, Do Not Track)
// outweighs whatever the page says, where the site honours it: then no id is sent and nothing is
// stored. While the site's settings are unknown the stricter reading holds: nothing is stored,
// and the server judges whether the id that a page proposes may be used.
import { know, settings, site, type SiteSettings } from './settings';
import { erase, keep, names, read, write } from './storage';
import type { Consent } from './types';

type Choice = Partial<Consent> & { out?: boolean };

export let choice: Choice;

const objects = (): unknown =>
  site.gpc !== false &&
  ((navigator as { globalPrivacyControl?: boolean }).globalPrivacyControl || navigator.doNotTrack === '1');

/** Whether a purpose is agreed to; undefined while nobody has said. */
export const may = (purpose: keyof Consent): boolean | undefined =>
  !objects() && (choice[purpose] ?? site.consent);

/** What was said in so many words, for the server. */
export const said = (): Choice => (objects() ? { analytics: false, personalization: false } : choice);

/** Opted out, or to wait for the visitor's word: then nothing leaves the page. */
export const silent = (): unknown => choice.out || (settings.consent === 'wait' && choice.analytics == null);

/** The `choice` itself may be kept even when it is a refusal, or it would be asked for ever; and what the `site` is like. */
export const mayStore = (name: string): unknown =>
  /^[cs]/.test(name) || may('analytics') || may('personalization');

/** Brings what is stored in line with what may be. */
function settle(): void {
  if (mayStore('')) {
    write('site', site);
    keep();
  } else if (may('analytics') === false) for (const name of names('')) if (name !== 'choice') erase(name);
}

export function startConsent(): void {
  const { consent } = settings;
  know(read('site') || { v: '' });
  if (consent && consent !== 'wait') {
    const granted = consent === 'granted';
    choice = { analytics: granted, personalization: granted };
  }
  choice = { ...choice, ...read('choice') };
}

export function learn(news: SiteSettings | undefined): void {
  if (news) {
    know(news);
    settle();
  }
}

export function choose(part: Choice): void {
  choice = { ...choice, ...part };
  settle();
  write('choice', choice);
}

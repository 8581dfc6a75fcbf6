// What the visitor allows. A browser that objects (Global Privacy Control, Do Not Track)
// outweighs whatever the page says, where the site honours it: then no id is sent and nothing is
// stored. While the site's settings are unknown the stricter reading holds: nothing is stored,
// and the server judges whether the id that a page proposes may be used.
import type { Consent } from './types';
import { arrivedFirst } from './page';
import { know, settings, site } from './settings';
import { erase, names, read, write } from './storage';

type Choice = Partial<Consent> & { out?: boolean };

export let choice: Choice;

const both = (agreed: boolean): Consent => ({ analytics: agreed, personalization: agreed });

const objects = (): unknown =>
  site.gpc !== false &&
  ((navigator as { globalPrivacyControl?: boolean }).globalPrivacyControl || navigator.doNotTrack === '1');

/** Whether a purpose is agreed to; undefined while nobody has said. */
export const may = (purpose: keyof Consent): boolean | undefined =>
  !objects() && site.keep !== false && (choice[purpose] ?? site.consent);

/** What was said in so many words, for the server. */
export const said = (): Choice => (objects() ? both(false) : choice);

/** Opted out, or to wait for the visitor's word: then nothing leaves the page. */
export const silent = (): unknown => choice.out || (settings.consent === 'wait' && choice.analytics == null);

/** The `choice` itself may be kept even when it is a refusal, or it would be asked for ever; and what the `site` is like. */
export const mayStore = (name: string): unknown =>
  /^[cs]/.test(name) || may('analytics') || may('personalization');

/** Brings what is stored in line with what may be. */
export function settle(): void {
  const stored = mayStore('');
  for (const name of names('')) {
    // What memory held until now is stored; what another tab has stored already is what is read, and stays.
    if (stored) write(name, read(name));
    else if (may('analytics') === false && name !== 'choice') erase(name);
  }
  // Who agreed where nothing may be kept would be given an id on the next page, until that is known anew.
  if (site.keep ? stored : choice.analytics) write('site', site);
}

export function startConsent(): void {
  const { consent } = settings;
  const kept = read('site');
  // What another script made of it is not believed.
  know(kept?.on?.map ? kept : { v: '' });
  choice = { ...(consent && consent !== 'wait' && both(consent === 'granted')), ...read('choice') };
}

/** What another tool on the page presumes until the visitor says otherwise; it is not kept. */
export function presume(part: Choice): void {
  choice = { ...part, ...choice };
  settle();
}

export function choose(part: Choice): void {
  const before = may('analytics');
  choice = { ...choice, ...part };
  if (before === false && may('analytics')) arrivedFirst();
  settle();
  write('choice', choice);
}

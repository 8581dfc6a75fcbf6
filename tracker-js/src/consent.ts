// What the visitor allows. A browser that objects (Global Privacy Control, Do Not Track)
// outweighs whatever the page says: then no id is sent and nothing is stored.
import { settings } from './settings';
import { erase, names, read, write } from './storage';
import type { Consent } from './types';

let choice: Consent;

const free = (): boolean =>
  !(navigator as { globalPrivacyControl?: boolean }).globalPrivacyControl && navigator.doNotTrack !== '1';

export function startConsent(): void {
  const byDefault = settings.consent !== 'denied';
  choice = { analytics: byDefault, personalization: byDefault, ...read('consent') };
}

/** What holds now, the browser's objection included. */
export const consented = (): Consent => ({
  analytics: free() && choice.analytics,
  personalization: free() && choice.personalization,
});

/** The choice itself may be kept even when it is a refusal, or it would be asked for ever. */
export const mayStore = (name: string): boolean =>
  free() && (name === 'consent' || choice.analytics || choice.personalization);

export function choose(part: Partial<Consent>): void {
  const next = { ...choice, ...part };
  if (!next.analytics && !next.personalization) names('').forEach(erase);
  choice = next;
  write('consent', choice);
}

// Consent. A privacy signal of the browser (Global Privacy Control, Do Not Track) overrides what the page says, if the
// site honours it: then no id is sent and nothing is stored. While the site's settings are unknown the stricter rule
// applies: nothing is stored, and the server decides whether the proposed id may be used.
import type { Consent } from './types';
import { useOriginalReferrer } from './page';
import { setSite, settings, site } from './settings';
import { erase, names, read, write } from './storage';

type Choice = Partial<Consent> & { out?: boolean };

export let choice: Choice;
/** Whether events of this browser are left out, as those of the site's own staff. */
export let ignored: boolean;

const both = (granted: boolean): Consent => ({ analytics: granted, personalization: granted });

const privacySignal = (): unknown =>
  site.gpc !== false &&
  ((navigator as { globalPrivacyControl?: boolean }).globalPrivacyControl || navigator.doNotTrack === '1');

/** Whether consent to a purpose is granted; undefined if unknown. */
export const may = (purpose: keyof Consent): boolean | undefined =>
  !privacySignal() && site.keep !== false && (choice[purpose] ?? site.consent);

/** Explicit choices only, for the server. */
export const explicitConsent = (): Choice => (privacySignal() ? both(false) : choice);

/** Opted out, or waiting for the visitor's choice: then nothing is sent. */
export const sendsNothing = (): unknown => choice.out || (settings.consent === 'wait' && choice.analytics == null);

/**
 * The `choice` is stored even if it is a refusal, or visitors would be asked again and again; so are the `site` settings
 * and `count`, which the site's staff set by a link.
 */
export const mayStore = (name: string): unknown =>
  /^[cs]/.test(name) || may('analytics') || may('personalization');

/** Updates stored values to what consent allows. */
export function applyToStorage(): void {
  const allowed = mayStore('');
  for (const name of names('')) {
    // Values held in memory are stored now; values already stored by another tab take precedence.
    if (allowed) write(name, read(name));
    else if (may('analytics') === false && name[0] !== 'c') erase(name);
  }
  // Without these settings, a consenting visitor of a cookieless site would get an id on the next page, until the answer.
  if (site.keep ? allowed : choice.analytics) write('site', site);
}

/** `?ashna_ignore=1` in the address of a page leaves this browser out, `=0` counts it again. */
function acceptIgnoreLink(): void {
  const [parameter, ignore] = /\bashna_ignore=([01])/.exec(location.search) || [];
  if (ignore) {
    write('count', ignore === '0');
    console.info('Ashna: this browser is ' + (+ignore ? 'not counted' : 'counted'));
    // A shared address must not leave out others.
    history.replaceState(history.state, '', location.href.replace(parameter!, ''));
  }
  ignored = read('count') === false;
}

export function startConsent(): void {
  acceptIgnoreLink();
  const { consent } = settings;
  const stored = read('site');
  // Other scripts may have changed it.
  setSite(stored?.on?.map ? stored : { v: '' });
  choice = { ...(consent && consent !== 'wait' && both(consent === 'granted')), ...read('choice') };
}

/** Default consent set by another tool on the page, until the visitor decides; not stored. */
export function setDefault(part: Choice): void {
  choice = { ...part, ...choice };
  applyToStorage();
}

export function choose(part: Choice): void {
  const before = may('analytics');
  choice = { ...choice, ...part };
  if (before === false && may('analytics')) useOriginalReferrer();
  applyToStorage();
  write('choice', choice);
}

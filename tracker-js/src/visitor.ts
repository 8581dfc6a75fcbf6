// Visitor id: a random id proposed to the server, which makes the final decision.
import { erase, read, write } from './storage';
import type { Consent } from './types';
import { applyToStorage, explicitConsent, may } from './consent';
import { setSite, settings, site, type SiteSettings } from './settings';
import { releaseHeld } from './events';

/** 128 random bits as hex: practically impossible to guess or to collide. */
export const randomId = (): string =>
  [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => (byte + 256).toString(16).slice(1)).join('');

/** The id was created on this page and is not yet confirmed by the server, so there is no history to load. */
let fresh = false;
/** Id proposed before the server assigned another one; both are the same visitor. */
let proposed: string | undefined;
/** Cross-domain link from another origin of the site, until the server has answered it. */
let link: { token: string; referrer: string } | undefined;

/** Returns the visitor id, unless consent to `purpose` is denied. */
export function visitorFor(purpose: keyof Consent): string | undefined {
  if (may(purpose) === false) return;
  let id = read('id');
  // Another script may have changed it.
  if (!/^\w{32}$/.test(id)) {
    write('id', (id = randomId()));
    fresh = true;
  }
  return id;
}

export interface RequestHead {
  key: string;
  consent: Partial<Consent>;
  visitor: string | undefined;
  fresh: boolean;
  reset?: true;
  settings: string | undefined;
  link: { token: string; referrer: string } | undefined;
}

/** Common fields of all requests. */
export const requestHead = (visitor: string | undefined): RequestHead => ({
  key: settings.key,
  visitor: visitor === proposed ? read('id') : visitor,
  consent: explicitConsent(),
  fresh,
  reset: read('reset'),
  settings: site.v,
  link,
});

export interface Answer {
  visitor?: string;
  settings?: SiteSettings;
}

/** Stores the id that the server assigned, unless the visitor was reset since the request, and new site settings. */
export function acceptAnswer(sent: RequestHead, answer: Answer | undefined): void {
  if (sent.visitor && sent.visitor === read('id')) {
    erase('reset');
    fresh = false;
    link = undefined;
    if (answer?.visitor) {
      proposed = sent.visitor;
      write('id', answer.visitor);
    }
  }
  if (answer?.settings) {
    setSite(answer.settings);
    applyToStorage();
    releaseHeld();
  }
}

/** Resets the visitor. The server is notified, because it has a cookie that the script cannot clear. */
export function forgetVisitor(): void {
  erase('id');
  write('reset', true);
}

/** Removes a cross-domain token from the address, and keeps it if this origin has no visitor id yet. */
export function acceptLink(): void {
  const [parameter, token] = /[?&]+_ashna=([^&]+)/.exec(location.search) || [];
  if (token) {
    if (!read('id')) link = { token, referrer: document.referrer };
    history.replaceState(history.state, '', location.href.replace(parameter!, ''));
  }
}

// Who is here: a random id that is proposed to the server, which has the last word.
import { erase, read, write } from './storage';
import type { Consent } from './types';
import { may, said, settle } from './consent';
import { know, settings, site, type SiteSettings } from './settings';
import { release } from './events';

/** 128 random bits as hex: guessing one is hopeless, and so are collisions. */
export const randomId = (): string =>
  [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => (byte + 256).toString(16).slice(1)).join('');

/** The id was made on this page and no server has answered to it yet: it has no history to look for. */
let fresh = false;
/** What this page proposed before the server settled on another: both are the same visitor. */
let former: string | undefined;
/** Brought along from another origin of the site, until it is answered. */
let link: { token: string; referrer: string } | undefined;

/** The visitor's id, unless using it for `purpose` is known to be refused. */
export function visitorFor(purpose: keyof Consent): string | undefined {
  if (may(purpose) === false) return;
  let id = read('id');
  // What another script put there is no id.
  if (!/^\w{32}$/.test(id)) {
    write('id', (id = randomId()));
    fresh = true;
  }
  return id;
}

export interface Sender {
  key: string;
  consent: Partial<Consent>;
  visitor: string | undefined;
  fresh: boolean;
  reset?: true;
  settings: string | undefined;
  link: { token: string; referrer: string } | undefined;
}

/** The head of every request. */
export const sender = (visitor: string | undefined): Sender => ({
  key: settings.key,
  visitor: visitor === former ? read('id') : visitor,
  consent: said(),
  fresh,
  reset: read('reset'),
  settings: site.v,
  link,
});

export interface Answer {
  visitor?: string;
  settings?: SiteSettings;
}

/** Takes the id that the server settled on, unless a reset came between question and answer. */
export function adopt(sent: Sender, answer: Answer | undefined): void {
  if (sent.visitor && sent.visitor === read('id')) {
    erase('reset');
    fresh = false;
    link = undefined;
    if (answer?.visitor) {
      former = sent.visitor;
      write('id', answer.visitor);
    }
  }
  if (answer?.settings) {
    know(answer.settings);
    settle();
    release();
  }
}

/** Someone else from here on. The server is told, for it has a cookie that we can't clear. */
export function forget(): void {
  erase('id');
  write('reset', true);
}

/** Takes the mark of another origin out of the address, and keeps it if nobody is known here. */
export function arrive(): void {
  const [mark, token] = /[?&]+_ashna=([^&]+)/.exec(location.search) || [];
  if (token) {
    if (!read('id')) link = { token, referrer: document.referrer };
    history.replaceState(history.state, '', location.href.replace(mark!, ''));
  }
}

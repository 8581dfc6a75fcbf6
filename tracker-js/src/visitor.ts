// Who is here: a random id that is proposed to the server, which has the last word, and the
// visit that this is part of.
import { consented } from './consent';
import { settings } from './settings';
import { erase, read, write } from './storage';
import type { Consent } from './types';

const SESSION_IDLE_MAX_MS = 30 * 60_000;

const hex128 = /^[0-9a-f]{32}$/;

/** 128 random bits as hex: guessing one is hopeless, and so are collisions. */
export function randomId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    (byte + 256).toString(16).slice(1),
  ).join('');
}

export interface Sender {
  key: string;
  consent: Consent;
  visitor?: string | undefined;
  reset?: true | undefined;
}

/** The head of every request; the id is in it only if `purpose` was consented to. */
export function sender(purpose: keyof Consent): Sender {
  const consent = consented();
  let visitor: string | undefined;
  if (consent[purpose]) {
    visitor = read('id');
    if (!hex128.test(visitor!)) write('id', (visitor = randomId()));
  }
  return { key: settings.key, visitor, consent, reset: read('reset') };
}

/** Takes the id that the server settled on, unless a reset came between question and answer. */
export function adopt(sent: Sender, answer: { visitor?: string } | null): void {
  if (sent.visitor && sent.visitor === read('id')) {
    erase('reset');
    if (hex128.test(answer?.visitor!)) write('id', answer!.visitor);
  }
}

/** Someone else from here on. The server is told, for it has a cookie that we can't clear. */
export function forget(): void {
  erase('id');
  erase('session');
  write('reset', true);
}

export interface Session {
  start: number;
  last: number;
}

export const session = (): Session | undefined => (consented().analytics ? read('session') : undefined);

export function touchSession(now: number): void {
  const { start, last } = read('session') || {};
  write('session', { start: now - last < SESSION_IDLE_MAX_MS ? start : now, last: now });
}

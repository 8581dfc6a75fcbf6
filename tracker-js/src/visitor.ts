// Who is here: a random id that is proposed to the server, which has the last word, and the
// visit that this is part of.
import { consented } from './consent';
import { settings } from './settings';
import { erase, read, write } from './storage';
import type { Consent } from './types';

const SESSION_IDLE_MAX_MS = 30 * 60_000;

const isId = (value: unknown): boolean => /^[0-9a-f]{32}$/.test(value as string);

/** 128 random bits as hex: guessing one is hopeless, and so are collisions. */
export const randomId = (): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => (byte + 256).toString(16).slice(1)).join('');

/** The id was made on this page and no server has answered to it yet: it has no history to look for. */
let fresh = false;

/** The visitor's id, if using it for `purpose` was consented to. */
export function visitorFor(purpose: keyof Consent): string | undefined {
  if (!consented()[purpose]) return;
  let id = read('id');
  if (!isId(id)) {
    write('id', (id = randomId()));
    fresh = true;
  }
  return id;
}

export interface Sender {
  key: string;
  consent: Consent;
  visitor: string | undefined;
  fresh: true | undefined;
  reset?: true;
}

/** The head of every request. */
export const sender = (visitor: string | undefined): Sender => ({
  key: settings.key,
  visitor,
  consent: consented(),
  fresh: (visitor && fresh) || undefined,
  reset: read('reset'),
});

/** Takes the id that the server settled on, unless a reset came between question and answer. */
export function adopt(sent: Sender, answer: { visitor?: string } | undefined): void {
  if (sent.visitor && sent.visitor === read('id')) {
    erase('reset');
    fresh = false;
    if (isId(answer?.visitor)) write('id', answer!.visitor);
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
  const { start, last } = session() || ({} as Partial<Session>);
  write('session', { start: now - last! < SESSION_IDLE_MAX_MS ? start : now, last: now });
}

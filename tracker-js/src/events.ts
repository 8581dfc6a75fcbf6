// One event, as Segment's specification names its fields.
import type { Properties } from './types';
import { choice } from './consent';
import { page, type Page } from './page';
import { site } from './settings';
import { enqueue } from './queue';
import { json } from './json';
import { randomId } from './visitor';

/** The calls of the API… */
type Call = 'page' | 'track' | 'identify' | 'group' | 'alias';

/** …and what is noticed by itself; the server knows how reports call it. */
export type Noticed =
  | 'view'
  | 'engage'
  | 'vitals'
  | 'click'
  | 'rage'
  | 'input'
  | 'submit'
  | 'abandon'
  | 'error'
  | 'play'
  | 'pause'
  | 'ended'
  | 'copy'
  | 'gtag';

export interface Event extends Properties {
  type: Call | Noticed;
  messageId: string;
  timestamp: number;
  context: { page: Page };
}

/**
 * Copied now: the page may go on to change the object it gave us, or have put something into it that
 * is no JSON, which is left out here and must not fail in a batch with other events.
 */
function copied(fields: Properties): Properties {
  try {
    return JSON.parse(json(fields));
  } catch (error) {
    console.warn('Ashna: not all of an event is JSON', error);
    return JSON.parse(json(fields, new WeakSet()));
  }
}

export function capture(type: Call | Noticed, fields: Properties): void {
  if (choice.out) return;
  enqueue({ type, messageId: randomId(), timestamp: Date.now(), ...copied(fields), context: { page } });
}

export const track = (event: string, properties?: Properties): void => capture('track', { event, properties });

const HELD_MAX = 200;
/** What the page pushed to the Google tag while it is unknown what the owner wants. */
let held: Properties[] = [];

/** While it is unknown what the owner wants, only views are sent: the answer to the first one tells. */
export function notice(type: Noticed, properties?: Properties, event?: unknown): void {
  if (site.on ? site.on.includes(type) : type === 'view') capture(type, { event, properties });
  else if (!site.on && type === 'gtag') held = [...held, copied({ event, properties, timestamp: Date.now() })].slice(-HELD_MAX);
}

/** Sends what was held, if the owner wants it. */
export function release(): void {
  if (site.on?.includes('gtag')) held.forEach((fields) => capture('gtag', fields));
  held = [];
}

/**
 * The named members of an element or an event, by the names that browsers give them. Plain values
 * only: a field of a form may hide the form's own members, and a page may hang anything on them.
 */
export function pick(from: object, names: string, picked: Properties = {}): Properties {
  for (const name of names.split(' ')) {
    const value = (from as Properties)[name];
    if (value && typeof value !== 'object') picked[name] = value;
  }
  return picked;
}

// Creates events with the field names of Segment's specification.
import type { Properties } from './types';
import { choice, ignored } from './consent';
import { page, type Page } from './page';
import { site } from './settings';
import { enqueue } from './queue';
import { json } from './json';
import { randomId } from './visitor';

/** Calls of the API. */
type Call = 'page' | 'track' | 'identify' | 'group' | 'alias';

/** Automatically captured events; the server maps them to the event names of reports. */
export type AutoEvent =
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
  type: Call | AutoEvent;
  messageId: string;
  timestamp: number;
  context: { page: Page };
}

/**
 * Copies the fields: the page may change the object later, or it may contain values that are not JSON, which are left
 * out here so that a batch with other events does not fail.
 */
function copied(fields: Properties): Properties {
  try {
    return JSON.parse(json(fields));
  } catch (error) {
    console.warn('Ashna: not all of an event is JSON', error);
    return JSON.parse(json(fields, new WeakSet()));
  }
}

export function capture(type: Call | AutoEvent, fields: Properties): void {
  if (choice.out || ignored) return;
  enqueue({ type, messageId: randomId(), timestamp: Date.now(), ...copied(fields), context: { page } });
}

export const track = (event: string, properties?: Properties): void => capture('track', { event, properties });

const HELD_MAX = 200;
/** Google tag events held until the site's settings are known. */
let held: Properties[] = [];

/** Captures an automatic event if the site enables it. Until the first answer brings the settings, only views are sent. */
export function autocapture(type: AutoEvent, properties?: Properties, event?: unknown): void {
  if (site.on ? site.on.includes(type) : type === 'view') capture(type, { event, properties });
  else if (!site.on && type === 'gtag') held = [...held, copied({ event, properties, timestamp: Date.now() })].slice(-HELD_MAX);
}

/** Sends the held events, if the site enables them. */
export function releaseHeld(): void {
  if (site.on?.includes('gtag')) held.forEach((fields) => capture('gtag', fields));
  held = [];
}

/**
 * Picks properties of an element or event by name. Primitive values only: form fields can shadow properties of the form,
 * and pages can add anything.
 */
export function pick(from: object, names: string, picked: Properties = {}): Properties {
  for (const name of names.split(' ')) {
    const value = (from as Properties)[name];
    if (value && typeof value !== 'object') picked[name] = value;
  }
  return picked;
}

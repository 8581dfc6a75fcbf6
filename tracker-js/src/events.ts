// One event, as Segment's specification names its fields.
import { enqueue } from './queue';
import { page, type Page } from './page';
import type { Properties } from './types';
import { randomId, touchSession } from './visitor';

export type Kind = 'page' | 'track' | 'identify' | 'group' | 'alias';

export interface Event extends Properties {
  type: Kind;
  messageId: string;
  timestamp: number;
  context: { page: Page };
}

export function capture(type: Kind, fields: Properties): void {
  const timestamp = Date.now();
  // Copied now: the page may go on to change the object it gave us, or have put something
  // into it that is no JSON, which must fail here and not in a batch with other events.
  const copy: Properties = JSON.parse(JSON.stringify(fields));
  touchSession(timestamp);
  enqueue({ type, messageId: randomId(), timestamp, ...copy, context: { page } });
}

export const track = (event: string, properties: Properties = {}): void =>
  capture('track', { event: '' + event, properties });

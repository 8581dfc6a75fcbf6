// Delivery: events wait here until the server has acknowledged them. Batches leave one at a
// time, a failure waits longer each time, and what is unsent when the page goes away is left
// in storage for the next page. Every event keeps its messageId, so sending one twice is
// harmless, and losing one is what we take pains about.
import type { Event } from './events';
import { on } from './guard';
import { page, prerendering } from './page';
import { settings } from './settings';
import { erase, names, read, write } from './storage';
import { adopt, randomId, sender, session, visitorFor, type Sender } from './visitor';

const IDLE_MS = 400;
const BATCH_EVENTS = 20;
const QUEUE_EVENTS_MAX = 200;
const EVENT_BYTES_MAX = 32_768;
// A browser lets 64 KiB be under way to outlive the page; the rest is for the batch's head.
const BATCH_BYTES_MAX = 59_000;
const ANSWER_WAIT_MAX_MS = 30_000;
const RETRY_FIRST_MS = 1000;
const RETRY_DOUBLINGS_MAX = 8;
const RETRY_AFTER_MAX_S = 60 * 60;
// The server remembers message ids for a day: what it may have seen is not sent after that.
const RETRY_AGE_MAX_MS = 23 * 60 * 60_000;

interface Entry {
  event: Event;
  /** The visitor at that time: who was here before a reset or without consent stays so. */
  visitor?: string | undefined;
  /** When it was first sent, if ever. */
  tried?: number;
  bytes?: number;
}

let queue: Entry[] = [];
let flying: Entry[] = [];
let failures = 0;
let retryAfter = 0;
let notBefore = 0;
let timer: ReturnType<typeof setTimeout>;

const box = 'queue.' + randomId();

function add(entry: Entry): void {
  entry.bytes = new Blob([JSON.stringify(entry.event)]).size;
  if (entry.bytes < EVENT_BYTES_MAX) queue = queue.concat(entry).slice(-QUEUE_EVENTS_MAX);
}

export function enqueue(event: Event): void {
  add({ event, visitor: visitorFor('analytics') });
  schedule(queue.length < BATCH_EVENTS ? IDLE_MS : 0);
}

function schedule(wait: number): void {
  clearTimeout(timer);
  timer = setTimeout(send, Math.max(wait, notBefore - Date.now()));
}

/** The oldest events that fit into one body and are one visitor's; they stay in the queue. */
function nextBatch(): Entry[] {
  const now = Date.now();
  let bytes = 0;
  queue = queue.filter(({ tried }) => !(now - tried! > RETRY_AGE_MAX_MS));
  const end = queue.findIndex(
    (entry) => (bytes += entry.bytes!) > BATCH_BYTES_MAX || entry.visitor !== queue[0]!.visitor,
  );
  const batch = end < 0 ? queue : queue.slice(0, end);
  for (const entry of batch) entry.tried ||= now;
  return batch;
}

/** What most events share is said once, in the batch's own context. */
function bodyOf(batch: Entry[], head: Sender): string {
  page.title = document.title;
  return JSON.stringify({
    ...head,
    sentAt: Date.now(),
    session: session(),
    context: {
      page,
      locale: navigator.language,
      timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
      screen: { width: screen.width, height: screen.height, density: devicePixelRatio },
      viewport: { width: innerWidth, height: innerHeight },
      library: { name: 'ashna.js', version: VERSION },
    },
    events: batch.map(({ event }) =>
      event.context.page === page ? { ...event, context: undefined } : event,
    ),
  });
}

const address = () => settings.api + '/e';

/** Of those who may not be told apart any more, nobody's id is sent, whatever held before. */
const headOf = ([entry]: Entry[]): Sender => sender(visitorFor('analytics') && entry!.visitor);

export async function send(): Promise<void> {
  if (flying[0] || prerendering()) return;
  flying = nextBatch();
  if (!flying[0]) return;
  queue = queue.slice(flying.length);
  const head = headOf(flying);
  let response: Response | undefined;
  try {
    response = await fetch(address(), {
      method: 'POST',
      body: bodyOf(flying, head),
      credentials: 'include',
      keepalive: true,
      signal: AbortSignal.timeout?.(ANSWER_WAIT_MAX_MS) ?? null,
    });
  } catch {}
  if (response && response.status < 500 && response.status !== 429) failures = notBefore = 0;
  else {
    queue = flying.concat(queue).slice(-QUEUE_EVENTS_MAX);
    backOff(response);
  }
  flying = [];
  save(failures || document.hidden);
  if (queue[0]) schedule(IDLE_MS);
  if (response?.ok) adopt(head, await response.json().catch(() => {}));
}

function backOff(response?: Response): void {
  retryAfter = Math.min(+response?.headers.get('Retry-After')!, RETRY_AFTER_MAX_S) * 1000 || 0;
  const patience = RETRY_FIRST_MS * 2 ** Math.min(failures++, RETRY_DOUBLINGS_MAX);
  // Never sooner than asked; spread, so that all the visitors do not come back at once.
  notBefore = Date.now() + Math.max(retryAfter, patience / 2) + (Math.random() * patience) / 2;
}

/** Keeps what is not acknowledged for the next page, or clears what an earlier call kept. */
function save(needed: unknown): void {
  const unsent = flying.concat(queue);
  if (needed && unsent[0]) write(box, unsent);
  else erase(box);
}

/** Hands everything over now: the page, or its visitor, may be about to go. */
export function handOver(): void {
  const trouble = failures || !navigator.onLine;
  // In trouble a beacon is only a second chance beside the saved copy, and none at all while
  // the server has asked us to wait.
  while (queue[0] && !(failures && retryAfter)) {
    const batch = nextBatch();
    if (!batch[0] || !navigator.sendBeacon?.(address(), bodyOf(batch, headOf(batch))) || trouble) break;
    queue = queue.slice(batch.length);
  }
  if (!trouble) send();
  save(true);
}

export function startQueue(): void {
  for (const name of names('queue.')) {
    const left: unknown = read(name);
    erase(name);
    if (Array.isArray(left)) for (const entry of left) if (entry?.event?.messageId) add(entry);
  }
  on(document, 'visibilitychange', () => {
    if (document.hidden) handOver();
  });
  on(window, 'pagehide', handOver);
  on(window, 'online', () => {
    notBefore = 0;
    schedule(0);
  });
}

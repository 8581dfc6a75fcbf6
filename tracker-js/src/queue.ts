// Delivery: events wait here until the server has acknowledged them. Batches leave one at a
// time, a failure waits longer each time, and what is unsent when the page goes away is left
// in storage for the next page. Every event keeps its messageId, so sending one twice is
// harmless, and losing one is what we take pains about.
import type { Event } from './events';
import { on } from './guard';
import { page, prerendering } from './page';
import { settings } from './settings';
import { erase, names, read, write } from './storage';
import { adopt, randomId, sender, session } from './visitor';

const IDLE_MS = 400;
const BATCH_EVENTS = 20;
const QUEUE_EVENTS_MAX = 200;
const EVENT_BYTES_MAX = 32_768;
// A browser lets 64 KiB be under way to outlive the page; the rest is for the batch's head.
const BATCH_BYTES_MAX = 59_000;
const ANSWER_WAIT_MAX_MS = 30_000;
const BACKOFF_MAX_MS = 5 * 60_000;
const RETRY_AFTER_MAX_MS = 60 * 60_000;
// The server remembers message ids for a day: what it may have seen is not sent after that.
const RETRY_AGE_MAX_MS = 23 * 60 * 60_000;

interface Entry {
  event: Event;
  bytes: number;
  /** When it was first sent, if ever. */
  tried?: number;
}

let queue: Entry[] = [];
let flying: Entry[] = [];
let failures = 0;
let retryAfter = 0;
let notBefore = 0;
let timer: ReturnType<typeof setTimeout>;

const box = 'queue.' + randomId();

export function enqueue(event: Event): void {
  const { size: bytes } = new Blob([JSON.stringify(event)]);
  if (bytes > EVENT_BYTES_MAX) return;
  queue = queue.concat({ event, bytes }).slice(-QUEUE_EVENTS_MAX);
  schedule(queue.length < BATCH_EVENTS ? IDLE_MS : 0);
}

function schedule(wait: number): void {
  clearTimeout(timer);
  timer = setTimeout(send, Math.max(wait, notBefore - Date.now()));
}

/** The oldest events that fit into one body; they stay in the queue. */
function nextBatch(): Entry[] {
  const now = Date.now();
  let bytes = 0;
  queue = queue.filter(({ tried }) => !(now - tried! > RETRY_AGE_MAX_MS));
  const count = queue.findIndex((entry) => (bytes += entry.bytes) > BATCH_BYTES_MAX);
  const batch = count < 0 ? queue : queue.slice(0, count);
  for (const entry of batch) entry.tried ??= now;
  return batch;
}

/** What most events share is said once, in the batch's own context. */
function bodyOf(batch: Entry[], head = sender('analytics')): string {
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

export async function send(): Promise<void> {
  if (flying[0] || prerendering()) return;
  flying = nextBatch();
  if (!flying[0]) return;
  queue = queue.slice(flying.length);
  const head = sender('analytics');
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
  if (response && response.status < 500 && response.status !== 429) {
    failures = notBefore = 0;
  } else {
    queue = flying.concat(queue).slice(-QUEUE_EVENTS_MAX);
    backOff(response);
  }
  flying = [];
  save(failures);
  if (queue[0]) schedule(IDLE_MS);
  if (response?.ok) adopt(head, await response.json().catch(() => ({})));
}

function backOff(response?: Response): void {
  retryAfter = Math.min(1000 * +(response?.headers.get('Retry-After') || 0), RETRY_AFTER_MAX_MS) || 0;
  const patience = Math.min(1000 * 2 ** failures++, BACKOFF_MAX_MS);
  // Never sooner than asked; spread, so that all the visitors do not come back at once.
  notBefore = Date.now() + Math.max(retryAfter, patience / 2) + (Math.random() * patience) / 2;
}

/** Keeps what is not acknowledged for the next page, or clears what an earlier call kept. */
function save(needed: unknown): void {
  const unsent = flying.concat(queue);
  if (needed && unsent[0]) write(box, unsent);
  else erase(box);
}

/** The page may be going away, and nothing says whether it comes back. */
function leave(): void {
  const trouble = failures || !navigator.onLine;
  // In trouble a beacon is only a second chance beside the saved copy, and none at all while
  // the server has asked us to wait.
  while (queue[0] && !(failures && retryAfter)) {
    const batch = nextBatch();
    if (!batch[0] || !navigator.sendBeacon?.(address(), bodyOf(batch)) || trouble) break;
    queue = queue.slice(batch.length);
  }
  if (!trouble) send();
  save(true);
}

export function startQueue(): void {
  for (const name of names().filter((name) => name.startsWith('queue.'))) {
    const left: unknown = read(name);
    erase(name);
    if (Array.isArray(left)) queue = queue.concat(left.filter((entry) => entry?.event?.messageId));
  }
  queue = queue.slice(-QUEUE_EVENTS_MAX);
  on(document, 'visibilitychange', () => {
    if (document.hidden) leave();
  });
  on(window, 'pagehide', leave);
  on(window, 'online', () => {
    notBefore = 0;
    schedule(0);
  });
}

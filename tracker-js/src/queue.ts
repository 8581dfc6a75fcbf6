// Delivery: events are queued until the server acknowledges them. One batch is sent at a time, with exponential backoff
// after failures; unsent events are stored for the next page. Every event keeps its messageId, so sending it twice is
// harmless.
import { acceptAnswer, randomId, requestHead, visitorFor, type RequestHead } from './visitor';
import { guard, on } from './guard';
import { abandonForms } from './forms';
import { pick, type Event } from './events';
import { sendsNothing } from './consent';
import { resumeEngagement, sendEngagement } from './engagement';
import { page, prerendering } from './page';
import { erase, names, read, write } from './storage';
import { request, urlOf } from './request';
import { json } from './json';
import { sendVitals } from './vitals';

const enum Limit {
  IDLE_MS = 400,
  BATCH_EVENTS = 20,
  QUEUE_EVENTS = 200,
  EVENT_BYTES = 32_768,
  // Browsers allow 64 KiB of keepalive requests in flight; the rest is for the batch's head.
  BATCH_BYTES = 59_000,
  RETRY_FIRST_MS = 1000,
  RETRY_DOUBLINGS = 8,
  RETRY_AFTER_S = 3600,
  // The server deduplicates message ids for a day: events that it may have received are not sent after that.
  RETRY_AGE_MS = 82_800_000,
}

interface Entry {
  event: Event;
  /** The visitor id when the event occurred; a later reset or consent does not change it. */
  visitor?: string | undefined;
  /** Time of the first attempt to send it. */
  tried?: number;
  bytes?: number;
}

let queue: Entry[] = [];
let inFlight: Entry[] = [];
let failures = 0;
let retryAfter = 0;
let notBefore = 0;
let timer: ReturnType<typeof setTimeout>;

/** Storage name for unsent events of this page. */
let storageName: string;

/** Adds an event; returns whether a batch has room for more. */
function add(entry: Entry): boolean {
  entry.bytes = new TextEncoder().encode(json(entry.event)).length;
  // Stored data may be anything; an entry without a page is not an event of the tracker.
  if (entry.event.context.page && entry.bytes < Limit.EVENT_BYTES) queue = queue.concat(entry).slice(-Limit.QUEUE_EVENTS);
  return queue.length < Limit.BATCH_EVENTS;
}

export const enqueue = (event: Event): void =>
  schedule(add({ event, visitor: visitorFor('analytics') }) ? Limit.IDLE_MS : 0);

function schedule(wait: number): void {
  clearTimeout(timer);
  timer = setTimeout(send, Math.max(wait, notBefore - Date.now()));
}

/** Removes the oldest events of one visitor that fit into one body from the queue. */
function nextBatch(): Entry[] {
  const now = Date.now();
  let bytes = 0;
  if (sendsNothing()) return [];
  queue = queue.filter(({ tried }) => !(now - tried! > Limit.RETRY_AGE_MS));
  const batch = queue.filter(
    (entry) => entry.visitor === queue[0]!.visitor && (bytes += entry.bytes!) < Limit.BATCH_BYTES,
  );
  queue = queue.filter((entry) => !batch.includes(entry));
  for (const entry of batch) entry.tried ||= now;
  return batch;
}

/** `Intl` takes ten milliseconds, because browsers load calendar tables for it. */
const timeZone = (): string =>
  guard(() => Temporal.Now.timeZoneId())() ?? Intl.DateTimeFormat().resolvedOptions().timeZone;

/** Context shared by the events is sent once per batch. */
function bodyOf(batch: Entry[]): RequestHead {
  page.title = document.title;
  return {
    // Without consent no id is sent, even for events that had one before.
    ...requestHead(visitorFor('analytics') && batch[0]!.visitor),
    sentAt: Date.now(),
    context: pick(navigator, 'webdriver', {
      page,
      locale: navigator.language,
      timezone: timeZone(),
      screen: pick(screen, 'width height'),
      userAgentData: (navigator as { userAgentData?: object }).userAgentData,
      library: { version: VERSION },
    }),
    events: batch.map(({ event }) => (event.context.page === page ? { ...event, context: undefined } : event)),
  } as RequestHead;
}

export async function send(): Promise<void> {
  if (inFlight[0] || prerendering()) return;
  inFlight = nextBatch();
  if (!inFlight[0]) return;
  const body = bodyOf(inFlight);
  const [response, answer, wait] = await request('/e', body);
  if (response?.status! < 500 && response!.status !== 429) failures = notBefore = retryAfter = 0;
  else {
    queue = inFlight.concat(queue).slice(-Limit.QUEUE_EVENTS);
    retryAfter = Math.min(wait!, Limit.RETRY_AFTER_S) * 1000 || 0;
    const backoff = Limit.RETRY_FIRST_MS << Math.min(failures++, Limit.RETRY_DOUBLINGS);
    // Never before `Retry-After`; randomized, so that not all visitors retry at once.
    notBefore = Date.now() + retryAfter + (backoff * (1 + Math.random())) / 2;
  }
  inFlight = [];
  if (response?.ok) acceptAnswer(body, answer);
  save(failures || document.hidden);
  if (queue[0]) schedule(Limit.IDLE_MS);
}

/** Stores unacknowledged events for the next page, or deletes what an earlier call stored. */
function save(needed: unknown): void {
  const unsent = inFlight.concat(queue);
  if (needed && unsent[0]) write(storageName, unsent);
  else erase(storageName);
}

/** Sends everything now: the page may be closed, or the visitor may change. */
export function flush(): void {
  const failing = failures || !navigator.onLine;
  // After failures a beacon is only a second chance in addition to the stored copy; while the server's `Retry-After`
  // lasts, none is sent.
  while (!retryAfter) {
    const batch = nextBatch();
    const accepted = batch[0] && guard(() => navigator.sendBeacon(urlOf('/e'), json(bodyOf(batch))))();
    if (accepted && !failing) continue;
    queue = batch.concat(queue);
    break;
  }
  if (!failing) send();
  save(true);
}

function hide(): void {
  sendEngagement();
  sendVitals();
  flush();
}

export function startQueue(): void {
  storageName = 'queue.' + randomId();
  names('queue.').forEach(
    guard((name) => {
      const unsent: Entry[] = read(name);
      erase(name);
      unsent.forEach(guard(add));
    }),
  );
  on('visibilitychange', () => {
    if (document.hidden) hide();
    else resumeEngagement();
  });
  on('pagehide', () => {
    abandonForms();
    hide();
  });
  on('online', () => {
    notBefore = 0;
    schedule(0);
  });
}

// Delivery: events wait here until the server has acknowledged them. Batches leave one at a
// time, a failure waits longer each time, and what is unsent when the page goes away is left
// in storage for the next page. Every event keeps its messageId, so sending one twice is
// harmless, and losing one is what we take pains about.
import { addressOf, ask } from './ask';
import { silent } from './consent';
import { lookAgain, tellEngagement } from './engagement';
import { pick, type Event } from './events';
import { abandonForms } from './forms';
import { guard, on } from './guard';
import { page, prerendering } from './page';
import { erase, names, read, write } from './storage';
import { adopt, randomId, sender, visitorFor, type Sender } from './visitor';
import { tellVitals } from './vitals';

const enum Limit {
  IDLE_MS = 400,
  BATCH_EVENTS = 20,
  QUEUE_EVENTS = 200,
  EVENT_BYTES = 32_768,
  // A browser lets 64 KiB be under way to outlive the page; the rest is for the batch's head.
  BATCH_BYTES = 59_000,
  RETRY_FIRST_MS = 1000,
  RETRY_DOUBLINGS = 8,
  RETRY_AFTER_S = 3600,
  // The server remembers message ids for a day: what it may have seen is not sent after that.
  RETRY_AGE_MS = 82_800_000,
}

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
  entry.bytes = new TextEncoder().encode(JSON.stringify(entry.event)).length;
  if (entry.event.messageId && entry.bytes < Limit.EVENT_BYTES) queue = queue.concat(entry).slice(-Limit.QUEUE_EVENTS);
}

export function enqueue(event: Event): void {
  add({ event, visitor: visitorFor('analytics') });
  schedule(queue.length < Limit.BATCH_EVENTS ? Limit.IDLE_MS : 0);
}

function schedule(wait: number): void {
  clearTimeout(timer);
  timer = setTimeout(send, Math.max(wait, notBefore - Date.now()));
}

/** Takes the oldest events that fit into one body and are one visitor's out of the queue. */
function nextBatch(): Entry[] {
  const now = Date.now();
  let bytes = 0;
  if (silent()) return [];
  queue = queue.filter(({ tried }) => !(now - tried! > Limit.RETRY_AGE_MS));
  const end = queue.findIndex(
    (entry) => (bytes += entry.bytes!) > Limit.BATCH_BYTES || entry.visitor !== queue[0]!.visitor,
  );
  const batch = queue.splice(0, end < 0 ? queue.length : end);
  for (const entry of batch) entry.tried ||= now;
  return batch;
}

/** What most events share is said once, in the batch's own context. */
function bodyOf(batch: Entry[], head: Sender): unknown {
  page.title = document.title;
  return {
    ...head,
    sentAt: Date.now(),
    context: {
      page,
      locale: navigator.language,
      timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
      screen: pick(screen, 'width height'),
      library: { version: VERSION },
    },
    events: batch.map(({ event }) => (event.context.page === page ? { ...event, context: undefined } : event)),
  };
}

/** Of those who may not be told apart any more, nobody's id is sent, whatever held before. */
const headOf = ([entry]: Entry[]): Sender => sender(visitorFor('analytics') && entry!.visitor);

export async function send(): Promise<void> {
  if (flying[0] || prerendering()) return;
  flying = nextBatch();
  if (!flying[0]) return;
  const head = headOf(flying);
  const [response, answer] = await ask('/e', bodyOf(flying, head));
  if (response && response.status < 500 && response.status !== 429) failures = notBefore = 0;
  else {
    queue = flying.concat(queue).slice(-Limit.QUEUE_EVENTS);
    backOff(response);
  }
  flying = [];
  if (response?.ok) adopt(head, answer);
  save(failures || document.hidden);
  if (queue[0]) schedule(Limit.IDLE_MS);
}

function backOff(response?: Response): void {
  retryAfter = Math.min(+response?.headers.get('Retry-After')!, Limit.RETRY_AFTER_S) * 1000 || 0;
  const patience = Limit.RETRY_FIRST_MS * 2 ** Math.min(failures++, Limit.RETRY_DOUBLINGS);
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
  while (!(failures && retryAfter)) {
    const batch = nextBatch();
    const gone = batch[0] && navigator.sendBeacon?.(addressOf('/e'), JSON.stringify(bodyOf(batch, headOf(batch))));
    if (gone && !trouble) continue;
    queue = batch.concat(queue);
    break;
  }
  if (!trouble) send();
  save(true);
}

function hide(): void {
  tellEngagement();
  tellVitals();
  handOver();
}

export function startQueue(): void {
  names('queue.').forEach(
    guard((name) => {
      const left: Entry[] = read(name);
      erase(name);
      left.forEach(guard(add));
    }),
  );
  on('visibilitychange', () => {
    if (document.hidden) hide();
    else lookAgain();
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

// Delivery: events wait here until the server has acknowledged them. Batches leave one at a
// time, a failure waits longer each time, and what is unsent when the page goes away is left
// in storage for the next page. Every event keeps its messageId, so sending one twice is
// harmless, and losing one is what we take pains about.
import { adopt, randomId, sender, visitorFor, type Sender } from './visitor';
import { guard, on } from './guard';
import { abandonForms } from './forms';
import { pick, type Event } from './events';
import { silent } from './consent';
import { lookAgain, tellEngagement } from './engagement';
import { page, prerendering } from './page';
import { erase, names, read, write } from './storage';
import { addressOf, ask } from './ask';
import { json } from './json';
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

/** Where this page keeps what it could not send. */
let box: string;

/** Whether there is room for more in a batch. */
function add(entry: Entry): boolean {
  entry.bytes = new TextEncoder().encode(json(entry.event)).length;
  // What lies in storage may be anything; without a page it is none of ours.
  if (entry.event.context.page && entry.bytes < Limit.EVENT_BYTES) queue = queue.concat(entry).slice(-Limit.QUEUE_EVENTS);
  return queue.length < Limit.BATCH_EVENTS;
}

export const enqueue = (event: Event): void =>
  schedule(add({ event, visitor: visitorFor('analytics') }) ? Limit.IDLE_MS : 0);

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
  const batch = queue.filter(
    (entry) => entry.visitor === queue[0]!.visitor && (bytes += entry.bytes!) < Limit.BATCH_BYTES,
  );
  queue = queue.filter((entry) => !batch.includes(entry));
  for (const entry of batch) entry.tried ||= now;
  return batch;
}

/** The older way takes ten milliseconds of a page: browsers read tables of all the world's calendars for it. */
const zone = (): string =>
  guard(() => Temporal.Now.timeZoneId())() ?? Intl.DateTimeFormat().resolvedOptions().timeZone;

/** What most events share is said once, in the batch's own context. */
function bodyOf(batch: Entry[]): Sender {
  page.title = document.title;
  return {
    // Of those who may not be told apart any more, nobody's id is sent, whatever held before.
    ...sender(visitorFor('analytics') && batch[0]!.visitor),
    sentAt: Date.now(),
    context: pick(navigator, 'webdriver', {
      page,
      locale: navigator.language,
      timezone: zone(),
      screen: pick(screen, 'width height'),
      userAgentData: (navigator as { userAgentData?: object }).userAgentData,
      library: { version: VERSION },
    }),
    events: batch.map(({ event }) => (event.context.page === page ? { ...event, context: undefined } : event)),
  } as Sender;
}

export async function send(): Promise<void> {
  if (flying[0] || prerendering()) return;
  flying = nextBatch();
  if (!flying[0]) return;
  const body = bodyOf(flying);
  const [response, answer, wait] = await ask('/e', body);
  if (response?.status! < 500 && response!.status !== 429) failures = notBefore = retryAfter = 0;
  else {
    queue = flying.concat(queue).slice(-Limit.QUEUE_EVENTS);
    retryAfter = Math.min(wait!, Limit.RETRY_AFTER_S) * 1000 || 0;
    const patience = Limit.RETRY_FIRST_MS << Math.min(failures++, Limit.RETRY_DOUBLINGS);
    // Never sooner than asked; spread, so that all the visitors do not come back at once.
    notBefore = Date.now() + retryAfter + (patience * (1 + Math.random())) / 2;
  }
  flying = [];
  if (response?.ok) adopt(body, answer);
  save(failures || document.hidden);
  if (queue[0]) schedule(Limit.IDLE_MS);
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
  while (!retryAfter) {
    const batch = nextBatch();
    const gone = batch[0] && guard(() => navigator.sendBeacon(addressOf('/e'), json(bodyOf(batch))))();
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
  box = 'queue.' + randomId();
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

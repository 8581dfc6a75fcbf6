// Fills the page's `data-ashna-slot` elements: one request for all that are new, and content
// only while the visitor cannot have seen the default yet. The attribute `data-ashna-state`
// says that a slot is settled; until then the page's inline style may hide it.
import { watch } from './impressions';
import type { Decision, SlotOutcome } from './types';
import { decide } from './decide';
import { guard, on, wake } from './guard';
import { track } from './events';
import { render } from './render';
import { settings } from './settings';

// Slots that a framework inserts one by one still make one request.
const GATHER_MS = 20;
const PARSE_WAIT_MS = 50;

const asked = new WeakSet<Element>();

/** Made by the server while it drew the page; these slots are not asked for. */
let preset: Record<string, Decision> = {};

export function presetDecisions(decisions: Record<string, Decision>): void {
  preset = decisions || {};
}

const slots = (filter = ''): HTMLElement[] => [
  ...document.querySelectorAll<HTMLElement>('[data-ashna-slot]' + filter),
];

const nameOf = (slot: HTMLElement): string => slot.dataset.ashnaSlot!;

const namesOf = (some: HTMLElement[]): string[] => [...new Set(some.map(nameOf))];

export const slotNames = (): string[] => namesOf(slots());

/** Shows the slot with the decision in it or, where there is none to show in time, as it is. */
function settle(slot: HTMLElement, decision: Decision | undefined, late: boolean): void {
  const data = slot.dataset;
  // What the page settled itself in the meantime is not touched.
  const filled = !late && decision && !data.ashnaState && guard(render)(slot, decision);
  data.ashnaState ||= filled ? 'filled' : 'default';
  // A control group sees the default, and is counted: without it there is no comparison.
  if (filled || (!late && decision?.reason === 'control')) guard(watch)(slot, decision!);
  const detail: SlotOutcome = { slot: nameOf(slot), state: data.ashnaState as SlotOutcome['state'], decision, late };
  slot.dispatchEvent(new CustomEvent('ashna:decision', { bubbles: true, detail }));
}

/** Whether the parser may still add to an element: nothing has come after it yet. */
function isOpen(slot: Node | null): boolean {
  while (slot && !slot.nextSibling) slot = slot.parentNode;
  return document.readyState === 'loading' && !slot;
}

/** Decides the slots that nobody has asked for yet, if it can be done by `since` + deadline. */
async function fill(since: number): Promise<void> {
  const left = () => since + (+settings.deadline! || 300) - performance.now();
  const found = slots();
  if (!found[0]) return;
  // The page may have said beforehand what to show.
  wake();
  const fresh = found.filter((slot) => {
    if (asked.has(slot) || isOpen(slot)) return false;
    const decision = preset[nameOf(slot)];
    if (!decision && slot.dataset.ashnaState) return false;
    asked.add(slot);
    if (!decision) return true;
    // Drawn by the server already, or to be drawn here; counted in both cases.
    if (slot.dataset.ashnaState) guard(watch)(slot, decision);
    else settle(slot, decision, false);
    return false;
  });
  if (!fresh[0]) return;
  const names = namesOf(fresh);
  const answering = decide(names);
  const answer = await Promise.race([answering, new Promise<void>((giveUp) => setTimeout(giveUp, left()))]);
  const late = !answer || left() < 0;
  for (const slot of fresh) settle(slot, answer?.decisions[nameOf(slot)], late);
  if (late) {
    await answering;
    guard(track)('Decision Late', { slots: names, late_ms: Math.round(-left()) });
  }
}

/** Slots that come later, by client-side navigation or otherwise, have a deadline of their own. */
function watchDocument(): void {
  let gathering = false;
  const added = guard((records: MutationRecord[]) => {
    if (gathering || !records.some(({ addedNodes }) => addedNodes[0])) return;
    gathering = true;
    const since = performance.now();
    setTimeout(() => {
      gathering = false;
      fill(since);
    }, GATHER_MS);
  });
  new MutationObserver(added).observe(document, { childList: true, subtree: true });
}

export function startSlots(): void {
  // The page's own slots count from navigation start, which is zero on this clock.
  const fillPage = () => fill(0);
  const parsed = () => {
    fillPage();
    watchDocument();
  };
  if (document.readyState === 'loading') {
    on('DOMContentLoaded', parsed);
    // A document that is long in coming must not cost its first slots their deadline.
    setTimeout(fillPage, PARSE_WAIT_MS);
  } else parsed();
}

// Fills the page's `data-ashna-slot` elements: one request for all new slots, and content only as long as the visitor has
// not seen the default yet. The attribute `data-ashna-state` marks a decided slot; until then the page's inline style may
// hide it.
import { watch } from './impressions';
import type { Decision, SlotOutcome } from './types';
import { decide } from './decide';
import { guard, on, runDeferred } from './guard';
import { track } from './events';
import { render } from './render';
import { settings } from './settings';

// Combines slots that a framework inserts one by one into one request.
const COLLECT_MS = 20;
const PARSE_WAIT_MS = 50;
// As long as the style in snippet.css hides a slot, and for pages without it.
const HIDDEN_MAX_MS = 1000;
const UNSTYLED_MAX_MS = 300;

const requested = new WeakSet<Element>();

/** Decisions made during server-side rendering; these slots are not requested. */
let preset: Record<string, Decision> = {};

export function presetDecisions(decisions: Record<string, Decision>): void {
  preset = decisions || {};
}

const slots = (filter = ''): HTMLElement[] => [
  ...document.querySelectorAll<HTMLElement>('[data-ashna-slot]' + filter),
];

const nameOf = (slot: HTMLElement): string => slot.dataset.ashnaSlot!;

const namesOf = (elements: HTMLElement[]): string[] => [...new Set(elements.map(nameOf))];

export const slotNames = (): string[] => namesOf(slots());

/** Shows the slot with its decision or, if there is none in time, with its default content. */
function finish(slot: HTMLElement, decision: Decision | undefined, late: boolean): void {
  const data = slot.dataset;
  // Slots that the page itself has finished in the meantime are not changed.
  const filled = !late && decision && !data.ashnaState && guard(render)(slot, decision);
  data.ashnaState ||= filled ? 'filled' : 'default';
  // A control group sees the default and its impressions are counted, for comparison.
  if (filled || (!late && decision?.reason === 'control')) guard(watch)(slot, decision!);
  const detail: SlotOutcome = { slot: nameOf(slot), state: data.ashnaState as SlotOutcome['state'], decision, late };
  slot.dispatchEvent(new CustomEvent('ashna:decision', { bubbles: true, detail }));
}

/** Whether the parser may still add to an element: nothing follows it yet. */
function isOpen(slot: Node | null): boolean {
  while (slot && !slot.nextSibling) slot = slot.parentNode;
  return document.readyState === 'loading' && !slot;
}

/** The style in snippet.css hides the slot until it times out, so no frame has shown the default before that. */
const isHidden = (slot: Element): boolean | undefined => {
  const { animationName, visibility } = getComputedStyle(slot);
  return animationName === 'ashna' ? visibility === 'hidden' : undefined;
};

/**
 * Fills slots that were not requested yet, if a decision arrives within the deadline: after the request and while the
 * style hides the slot, or without the style after `since`.
 */
async function fill(since: number): Promise<void> {
  const deadline = +settings.deadline!;
  const timeLeft = () => since + (deadline || UNSTYLED_MAX_MS) - performance.now();
  const all = slots();
  if (!all[0]) return;
  // Earlier calls of the page may contain decisions.
  runDeferred();
  const fresh = all.filter((slot) => {
    if (requested.has(slot) || isOpen(slot)) return false;
    const decision = preset[nameOf(slot)];
    if (!decision && slot.dataset.ashnaState) return false;
    requested.add(slot);
    if (!decision) return true;
    // Rendered by the server already, or to be rendered here; counted in both cases.
    if (slot.dataset.ashnaState) guard(watch)(slot, decision);
    else finish(slot, decision, false);
    return false;
  });
  if (!fresh[0]) return;
  const names = namesOf(fresh);
  const pending = decide(names);
  const answer = await Promise.race([pending, new Promise<void>((timeout) => setTimeout(timeout, deadline || HIDDEN_MAX_MS))]);
  const late = fresh.filter((slot) => !answer || !(isHidden(slot) ?? timeLeft() >= 0));
  for (const slot of fresh) finish(slot, answer?.decisions[nameOf(slot)], late.includes(slot));
  if (late[0]) {
    await pending;
    guard(track)('Decision Late', { slots: namesOf(late), late_ms: Math.round(-timeLeft()) });
  }
}

/** Slots inserted later, by client-side navigation or otherwise, have their own deadline. */
function watchDocument(): void {
  let collecting = false;
  const added = guard((records: MutationRecord[]) => {
    if (collecting || !records.some(({ addedNodes }) => addedNodes[0])) return;
    collecting = true;
    const since = performance.now();
    setTimeout(() => {
      collecting = false;
      fill(since);
    }, COLLECT_MS);
  });
  new MutationObserver(added).observe(document, { childList: true, subtree: true });
}

export function startSlots(): void {
  // The deadline of the initial slots starts at navigation start, which is zero on this clock.
  const fillPage = () => fill(0);
  const parsed = () => {
    fillPage();
    watchDocument();
  };
  if (document.readyState === 'loading') {
    on('DOMContentLoaded', parsed);
    // While a document loads slowly, its first slots must not miss their deadline.
    setTimeout(fillPage, PARSE_WAIT_MS);
  } else parsed();
}

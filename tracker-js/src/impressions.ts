// Impressions (at least half of a slot in view for one second) and clicks in slots.
import { track } from './events';
import type { Decision, Properties } from './types';
import { guard } from './guard';

const VIEW_MS = 1000;

interface Watched {
  facts: Properties & { items: string[] };
  timer?: ReturnType<typeof setTimeout> | undefined;
}

const watched = new WeakMap<Element, Watched>();

let observer: IntersectionObserver | undefined;

function update({ target, intersectionRatio, intersectionRect }: IntersectionObserverEntry): void {
  const slot = watched.get(target)!;
  const seen = () => {
    // In a hidden tab nothing is seen.
    if (document.hidden) slot.timer = setTimeout(seen, VIEW_MS);
    else {
      observer!.unobserve(target);
      track('Slot Viewed', slot.facts);
    }
  };
  // A slot too tall to be half visible counts once it fills half of the window.
  if (intersectionRatio >= 0.5 || intersectionRect.height >= innerHeight / 2) {
    slot.timer ||= setTimeout(guard(seen), VIEW_MS);
  } else {
    clearTimeout(slot.timer);
    slot.timer = undefined;
  }
}

export function watch(slot: HTMLElement, { offer, variant, reason, exposure, items = [] }: Decision): void {
  watched.set(slot, {
    facts: { slot: slot.dataset.ashnaSlot, offer, variant, reason, exposure, items: items.map(({ id }) => id) },
  });
  observer ||= new IntersectionObserver(
    guard((entries: IntersectionObserverEntry[]) => entries.forEach(update)),
    { threshold: [0, 0.1, 0.2, 0.3, 0.4, 0.5] },
  );
  observer.observe(slot);
}

/** Tracks a click in a slot; returns whether the target is in a slot. */
export function slotClicked(target: Element): boolean {
  const slot = watched.get(target.closest('[data-ashna-slot]')!);
  if (!slot) return false;
  const { facts } = slot;
  const index = target.closest<HTMLElement>('[data-ashna-position]')?.dataset.ashnaPosition;
  const position = index && +index;
  track('Slot Clicked', { ...facts, item: position && facts.items[position - 1], position });
  return true;
}

// Counts what was really seen, at least half of a slot in view for a second, and what was
// clicked in it.
import { track } from './events';
import { guard } from './guard';
import type { Decision, Properties } from './types';

const VIEW_MS = 1000;

const watched = new WeakMap<Element, Properties & { items: string[] }>();

export function watch(slot: HTMLElement, { offer, variant, reason, items = [] }: Decision): void {
  const facts = { slot: slot.dataset.ashnaSlot, offer, variant, reason, items: items.map(({ id }) => id) };
  watched.set(slot, facts);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const seen = () => {
    // In a tab behind others nobody sees anything.
    if (document.hidden) timer = setTimeout(seen, VIEW_MS);
    else {
      eye.disconnect();
      track('Slot Viewed', facts);
    }
  };
  const look = guard((entries: IntersectionObserverEntry[]) => {
    const { intersectionRatio, intersectionRect } = entries.pop()!;
    // A slot too tall to show its half counts once it fills half of the window.
    if (intersectionRatio >= 0.5 || intersectionRect.height >= innerHeight / 2) {
      timer ||= setTimeout(guard(seen), VIEW_MS);
    } else {
      clearTimeout(timer);
      timer = undefined;
    }
  });
  const eye = new IntersectionObserver(look, { threshold: [0, 0.1, 0.2, 0.3, 0.4, 0.5] });
  eye.observe(slot);
}

export function slotClicked(target: Element): void {
  const facts = watched.get(target.closest('[data-ashna-slot]')!);
  if (!facts) return;
  const place = target.closest<HTMLElement>('[data-ashna-position]')?.dataset.ashnaPosition;
  const position = place && +place;
  track('Slot Clicked', { ...facts, item: position && facts.items[position - 1], position });
}

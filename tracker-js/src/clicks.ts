// Clicks: events that the page declares in its markup, and clicks in slots.
import { track } from './events';
import { on } from './guard';
import { slotClicked } from './impressions';

export function startClicks(): void {
  on(document, 'click', ({ target }) => {
    if (!(target instanceof Element)) return;
    slotClicked(target);
    const declared = target.closest<HTMLElement>('[data-ashna-event]')?.dataset;
    if (declared) track(declared.ashnaEvent!, JSON.parse(declared.ashnaProps || '{}'));
  });
}

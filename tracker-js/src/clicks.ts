// Clicks: events declared in markup, clicks in slots, and clicks on links and buttons.
import { autocapture, pick, track } from './events';
import { on } from './guard';
import { slotClicked } from './impressions';
import { decorateLink } from './linking';

/** Clicks in quick succession on one spot, as counted by the browser; three clicks only select text. */
const RAGE_CLICKS = 4;

export const startClicks = (): void =>
  on('click auxclick', (event: MouseEvent) => {
    // The innermost element, also inside an open shadow tree.
    const target = event.composedPath()[0] as Element;
    if (event.button > 1) return;
    const declared = target.closest<HTMLElement>('[data-ashna-event]')?.dataset;
    const control = target.closest<HTMLAnchorElement>('a[href],summary,button,[role=button],[type=button],[type=submit]');
    const inSlot = PERSONALIZE && slotClicked(target);
    if (event.detail === RAGE_CLICKS) autocapture('rage', pick(target, 'localName id'));
    if (control) {
      if (!declared && !inSlot) {
        autocapture('click', pick(control, 'localName id name href download', { text: control.textContent!.trim().slice(0, 99) }));
      }
      decorateLink(control);
    }
    if (declared) track(declared.ashnaEvent!, JSON.parse(declared.ashnaProps || '{}'));
  });

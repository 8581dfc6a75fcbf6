// Clicks: events that the page declares in its markup, clicks in slots, and on links and buttons.
import { notice, pick, track } from './events';
import { on } from './guard';
import { slotClicked } from './impressions';
import { decorate } from './linking';

/** In quick succession on one spot, as the browser counts them; three only select a text. */
const RAGE_CLICKS = 4;

export const startClicks = (): void =>
  on('click auxclick', (event: MouseEvent) => {
    // The innermost one, in an open shadow tree too.
    const target = event.composedPath()[0] as Element;
    if (event.button > 1) return;
    const declared = target.closest<HTMLElement>('[data-ashna-event]')?.dataset;
    const control = target.closest<HTMLAnchorElement>('a[href],summary,button,[role=button],[type=button],[type=submit]');
    const counted = PERSONALIZE && slotClicked(target);
    if (event.detail === RAGE_CLICKS) notice('rage', pick(target, 'localName id'));
    if (control) {
      if (!declared && !counted) {
        notice('click', pick(control, 'localName id name href download', { text: control.textContent!.trim().slice(0, 99) }));
      }
      decorate(control);
    }
    if (declared) track(declared.ashnaEvent!, JSON.parse(declared.ashnaProps || '{}'));
  });

// Asks the server what to show. It draws nothing and never rejects: without an answer the
// page simply keeps what it has.
import { settings } from './settings';
import type { DecisionContext, Decisions } from './types';
import { adopt, sender, visitorFor } from './visitor';

let known: DecisionContext = {};

export function addContext(more: DecisionContext): void {
  known = { ...known, ...more };
}

/** The item that this page is about; items inside slots are ours, not the page's. */
const itemOfPage = (): string | undefined =>
  document.querySelector<HTMLMetaElement>('meta[name="ashna:item"]')?.content ??
  document.querySelector<HTMLElement>('[data-ashna-item]:not([data-ashna-slot] *)')?.dataset.ashnaItem;

export async function decide(slots: string[], context?: DecisionContext): Promise<Decisions> {
  try {
    const head = sender(visitorFor('personalization'));
    const response = await fetch(settings.api + '/v1/decide', {
      method: 'POST',
      body: JSON.stringify({
        ...head,
        slots,
        context: {
          url: location.href,
          item: itemOfPage(),
          locale: navigator.language,
          ...known,
          ...context,
        },
      }),
      credentials: 'include',
    });
    const answer = await response.json();
    if (response.ok && answer.decisions) {
      adopt(head, answer);
      return answer;
    }
  } catch {}
  return { decisions: {}, degraded: true };
}

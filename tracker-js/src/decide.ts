// Asks the server what to show. It draws nothing and never rejects: without an answer the
// page simply keeps what it has.
import { adopt, sender, visitorFor } from './visitor';
import { silent } from './consent';
import type { DecisionContext, Decisions } from './types';
import { ask } from './ask';

let known: DecisionContext = {};

export function addContext(more: DecisionContext): void {
  known = { ...known, ...more };
}

/** The item that this page is about; items inside slots are ours, not the page's. */
const itemOfPage = (): string | undefined =>
  document.querySelector<HTMLMetaElement>('meta[name="ashna:item"]')?.content ??
  document.querySelector<HTMLElement>('[data-ashna-item]:not([data-ashna-slot] *)')?.dataset.ashnaItem;

export async function decide(slots: string[], context?: DecisionContext): Promise<Decisions> {
  const nothing = { decisions: {}, degraded: true };
  if (silent()) return nothing;
  const head = sender(visitorFor('personalization'));
  const [, answer] = await ask('/v1/decide', {
    ...head,
    slots,
    context: {
      url: location.href,
      item: itemOfPage(),
      ...known,
      ...context,
    },
  });
  if (!answer?.decisions) return nothing;
  adopt(head, answer);
  return answer as Decisions;
}

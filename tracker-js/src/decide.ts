// Requests decisions. Renders nothing and never rejects: without an answer the page keeps its default content.
import { acceptAnswer, requestHead, visitorFor } from './visitor';
import { sendsNothing } from './consent';
import type { DecisionContext, Decisions } from './types';
import { request } from './request';

let pageContext: DecisionContext = {};

export function addContext(more: DecisionContext): void {
  pageContext = { ...pageContext, ...more };
}

/** The item shown on this page; items inside slots are recommendations and do not count. */
const itemOfPage = (): string | undefined =>
  document.querySelector<HTMLMetaElement>('meta[name="ashna:item"]')?.content ??
  document.querySelector<HTMLElement>('[data-ashna-item]:not([data-ashna-slot] *)')?.dataset.ashnaItem;

export async function decide(slots: string[], context?: DecisionContext): Promise<Decisions> {
  const nothing = { decisions: {}, degraded: true };
  if (sendsNothing()) return nothing;
  const head = requestHead(visitorFor('personalization'));
  const [, answer] = await request('/v1/decide', {
    ...head,
    slots,
    context: {
      url: location.href,
      item: itemOfPage(),
      ...pageContext,
      ...context,
    },
  });
  if (!answer?.decisions) return nothing;
  acceptAnswer(head, answer);
  return answer as Decisions;
}

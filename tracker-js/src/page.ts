// Page views: the first one, those of single-page navigation, and a return from the
// back-forward cache.
import { capture } from './events';
import { guard, on } from './guard';
import { send } from './queue';

export interface Page {
  url: string;
  title: string;
  referrer: string;
}

/** The page as it is now; events hold a reference, so that a late title still reaches them. */
export let page: Page;

function look(referrer: string): void {
  page = { url: location.href, title: document.title, referrer };
}

function view(): void {
  look(page.url);
  capture('page', {});
}

/** Frameworks write the address again without going anywhere; that is no view. */
const viewIfMoved = guard(() => {
  if (location.href !== page.url) view();
});

function watchHistory(method: 'pushState' | 'replaceState'): void {
  const original = history[method];
  history[method] = function (...args) {
    original.apply(this, args);
    viewIfMoved();
  };
}

/** True while the browser only prepares a page that nobody has asked for yet. */
export const prerendering = (): boolean => !!(document as { prerendering?: boolean }).prerendering;

export function startPages(): void {
  look(document.referrer);
  const first = () => {
    capture('page', {});
    // Promptly: many visits are over before an idle wait is. After the calls in this task.
    setTimeout(send);
  };
  if (prerendering()) on(document, 'prerenderingchange', first);
  else first();
  watchHistory('pushState');
  watchHistory('replaceState');
  on(window, 'popstate', viewIfMoved);
  on(window, 'hashchange', viewIfMoved);
  on(window, 'pageshow', (event: PageTransitionEvent) => {
    if (event.persisted) view();
  });
}

// Page views: the first one, those of single-page navigation, and a return from the
// back-forward cache.
import { guard, on, spy } from './guard';
import { abandonForms } from './forms';
import { leaveView, lookAgain } from './engagement';
import { send } from './queue';
import { notice } from './events';

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

/** Who agrees on a later view came the way of the first: until then it was told of nobody. */
export function arrivedFirst(): void {
  look(document.referrer);
}

function view(): void {
  look(page.url);
  notice('view');
}

/** An address without the place within its page; `#/…` and `#!…` are pages of their own. */
const placeless = (url: string): string => url.replace(/#(?![/!]).*/, '');

/**
 * Frameworks write the address again without going anywhere; that is no view. Neither is what replaces the
 * address of the same path: pages keep filters and scroll places so.
 */
const viewIfMoved = guard(({ navigationType }: { navigationType?: string }) => {
  const [path, before] = [location.href, page.url].map((url) =>
    navigationType === 'replace' ? placeless(url).replace(/\?[^#]*/, '') : placeless(url),
  );
  if (path !== before) {
    abandonForms();
    leaveView();
    view();
    // The view itself keeps the address it was of: marks of a campaign are taken out so.
  } else look(page.referrer);
});

/** When the page was first shown, if it was prepared unseen. */
export let shown = 0;

/** True while the browser only prepares a page that nobody has asked for yet. */
export const prerendering = (): unknown => (document as { prerendering?: boolean }).prerendering;

export function startPages(): void {
  look(document.referrer);
  const first = () => {
    notice('view');
    // Promptly: many visits are over before an idle wait is. After the calls in this task.
    setTimeout(send);
  };
  if (prerendering()) {
    on('prerenderingchange', () => {
      shown = lookAgain();
      first();
    });
  } else first();
  const { navigation } = window as { navigation?: EventTarget };
  // Where it exists it tells of every way to move, and nobody's history has to be touched.
  if (navigation) navigation.addEventListener('currententrychange', viewIfMoved as EventListener);
  else {
    spy(history, 'pushState', () => viewIfMoved({}));
    spy(history, 'replaceState', () => viewIfMoved({ navigationType: 'replace' }));
    on('popstate hashchange', viewIfMoved as () => void);
  }
  on('pageshow', (event: PageTransitionEvent) => {
    if (event.persisted) view();
  });
}

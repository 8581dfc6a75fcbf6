// Page views: the initial one, those of single-page navigation, and returns from the back-forward cache.
import { guard, on, spy } from './guard';
import { abandonForms } from './forms';
import { leaveView, resumeEngagement } from './engagement';
import { send } from './queue';
import { autocapture } from './events';

export interface Page {
  url: string;
  title: string;
  referrer: string;
}

/** The current page; events hold a reference, so that a title set later is included. */
export let page: Page;

function updatePage(referrer: string): void {
  page = { url: location.href, title: document.title, referrer };
}

/** Consent on a later view: its referrer is that of the first one, since earlier views were anonymous. */
export function useOriginalReferrer(): void {
  updatePage(document.referrer);
}

function view(): void {
  updatePage(page.url);
  autocapture('view');
}

/** Removes the fragment of a URL, except `#/…` and `#!…`, which are separate pages. */
const withoutFragment = (url: string): string => url.replace(/#(?![/!]).*/, '');

/**
 * Frameworks rewrite the current address; that is not a view. Neither is replacing the address on the same path: pages use
 * it to keep filters and scroll positions.
 */
const viewIfNavigated = guard(({ navigationType }: { navigationType?: string }) => {
  const [url, previous] = [location.href, page.url].map((url) =>
    navigationType === 'replace' ? withoutFragment(url).replace(/\?[^#]*/, '') : withoutFragment(url),
  );
  if (url !== previous) {
    abandonForms();
    leaveView();
    view();
    // The view itself keeps its original address: pages remove campaign parameters this way.
  } else updatePage(page.referrer);
});

/** When a prerendered page was first shown. */
export let shownAt = 0;

/** True while the page is only being prerendered. */
export const prerendering = (): unknown => (document as { prerendering?: boolean }).prerendering;

export function startPages(): void {
  updatePage(document.referrer);
  const first = () => {
    autocapture('view');
    // Sent soon, without the idle delay, because many visits are short; but after the calls in this task.
    setTimeout(send);
  };
  if (prerendering()) {
    on('prerenderingchange', () => {
      shownAt = resumeEngagement();
      first();
    });
  } else first();
  const { navigation } = window as { navigation?: EventTarget };
  // Where supported, the Navigation API reports all navigations, and `history` need not be patched.
  if (navigation) navigation.addEventListener('currententrychange', viewIfNavigated as EventListener);
  else {
    spy(history, 'pushState', () => viewIfNavigated({}));
    spy(history, 'replaceState', () => viewIfNavigated({ navigationType: 'replace' }));
    on('popstate hashchange', viewIfNavigated as () => void);
  }
  on('pageshow', (event: PageTransitionEvent) => {
    if (event.persisted) view();
  });
}

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

function view(): void {
  look(page.url);
  notice('view');
}

/** Frameworks write the address again without going anywhere; that is no view. */
const viewIfMoved = guard(() => {
  if (location.href !== page.url) {
    abandonForms();
    leaveView();
    view();
  }
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
  if (navigation) navigation.addEventListener('currententrychange', viewIfMoved);
  else {
    spy(history, 'pushState', viewIfMoved);
    spy(history, 'replaceState', viewIfMoved);
    on('popstate hashchange', viewIfMoved);
  }
  on('pageshow', (event: PageTransitionEvent) => {
    if (event.persisted) view();
  });
}

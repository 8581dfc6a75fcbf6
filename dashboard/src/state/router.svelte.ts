/** History routing below `/dashboard/`; clicks on plain links are intercepted. */

const BASE = '/dashboard';

class Router {
  #url = $state.raw(new URL(location.href));

  readonly path = $derived(this.#url.pathname.slice(BASE.length).replace(/\/+$/, '') || '/');
  readonly query = $derived(this.#url.searchParams);
  readonly hash = $derived(new URLSearchParams(this.#url.hash.slice(1)));

  /** Starts listening; returns a function that stops it. */
  start(): () => void {
    const onPop = () => (this.#url = new URL(location.href));
    const onClick = (event: MouseEvent) => this.#onClick(event);
    addEventListener('popstate', onPop);
    document.addEventListener('click', onClick);
    return () => {
      removeEventListener('popstate', onPop);
      document.removeEventListener('click', onClick);
    };
  }

  /** Asked before another page is opened; false keeps this one, such as with unsaved changes. */
  mayLeave: (() => boolean) | undefined;

  go(path: string, { replace = false } = {}): void {
    if (!replace && this.mayLeave?.() === false) return;
    this.mayLeave = undefined;
    const url = new URL(BASE + path, location.origin);
    if (replace) history.replaceState(null, '', url);
    else history.pushState(null, '', url);
    this.#url = url;
    if (!replace) scrollTo(0, 0);
  }

  /** Changes the query string of the page; as a step of its own for the back button with `push`. */
  setQuery(change: Record<string, string | undefined>, { push = false } = {}): void {
    const url = new URL(location.href);
    for (const [name, value] of Object.entries(change)) {
      if (value === undefined) url.searchParams.delete(name);
      else url.searchParams.set(name, value);
    }
    if (url.href === location.href) return;
    if (push) history.pushState(null, '', url);
    else history.replaceState(null, '', url);
    this.#url = url;
  }

  #onClick(event: MouseEvent): void {
    if (event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = (event.target as Element).closest('a');
    if (!link || link.target || link.hasAttribute('download')) return;
    const url = new URL(link.href);
    if (url.origin !== location.origin || !url.pathname.startsWith(`${BASE}/`) || url.hash) return;
    event.preventDefault();
    this.go(url.pathname.slice(BASE.length) + url.search);
  }
}

export const router = new Router();

export const href = (path: string): string => BASE + path;

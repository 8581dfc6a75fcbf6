import { untrack } from 'svelte';
import { ApiError } from '../api/client';
import { account } from './account.svelte';

type Options = {
  /** Poll at this interval while the page is visible. */
  everyMs?: number;
  /** Send only after the parameters have not changed for this long. */
  debounceMs?: number;
};

const WARMING_RETRY_S = 3;

/**
 * A request that follows the state its parameters are built from: it is sent again when they change, and the older
 * request is aborted. While the reports engine starts (503), it is retried. Create it inside a component.
 *
 *     const pages = new Query(() => ({ ...period.of(site), limit: 50 }), api.pages);
 */
export class Query<Q, T> {
  data = $state.raw<T | undefined>();
  error = $state.raw<ApiError | undefined>();
  loading = $state(true);
  readonly warming = $derived(this.error?.status === 503);
  #attempt = $state(0);
  #everyMs: number | undefined;
  /** Whether the next attempt only refreshes what is shown. */
  #refreshing = false;

  /** `params` returns the parameters, or undefined if there is nothing to send; `request` sends them. */
  constructor(
    params: () => Q | undefined,
    request: (params: Q, signal: AbortSignal) => Promise<T>,
    { everyMs, debounceMs = 0 }: Options = {},
  ) {
    this.#everyMs = everyMs;
    $effect(() => {
      void this.#attempt;
      const current = params();
      if (current === undefined) {
        this.loading = false;
        return;
      }
      const abort = new AbortController();
      this.loading = !this.#refreshing || untrack(() => this.data) === undefined;
      this.#refreshing = false;
      const send = () => void this.#receive(request(current, abort.signal), abort.signal);
      const timer = debounceMs ? setTimeout(send, debounceMs) : undefined;
      if (!debounceMs) send();
      return () => {
        clearTimeout(timer);
        abort.abort();
      };
    });
  }

  retry = (): void => {
    this.#attempt += 1;
  };

  #refresh = (): void => {
    this.#refreshing = this.error === undefined;
    this.retry();
  };

  async #receive(response: Promise<T>, signal: AbortSignal): Promise<void> {
    try {
      const data = await response;
      if (signal.aborted) return;
      this.data = data;
      this.error = undefined;
      this.loading = false;
      if (this.#everyMs) this.#retryAfter(this.#everyMs, signal);
    } catch (error) {
      if (signal.aborted) return;
      this.#fail(error instanceof ApiError ? error : new ApiError(0, 'error', String(error)), signal);
    }
  }

  #fail(error: ApiError, signal: AbortSignal): void {
    this.error = error;
    this.loading = false;
    if (error.status === 401) account.expired();
    else if (error.status === 503) this.#retryAfter((error.retryAfter ?? WARMING_RETRY_S) * 1000, signal);
    else if (this.#everyMs) this.#retryAfter(this.#everyMs * 5, signal);
  }

  #retryAfter(ms: number, signal: AbortSignal): void {
    const timer = setTimeout(() => {
      if (document.visibilityState === 'visible') this.#refresh();
      else document.addEventListener('visibilitychange', this.#refresh, { once: true, signal });
    }, ms);
    signal.addEventListener('abort', () => clearTimeout(timer));
  }
}

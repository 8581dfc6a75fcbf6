import { ApiError } from '../api/client';
import { account } from './account.svelte';

type Options = {
  /** Ask again after this long, while the page can be seen. */
  everyMs?: number;
  /** Wait until the question has been still for this long. */
  debounceMs?: number;
};

const WARMING_RETRY_S = 3;

/**
 * One question to the server that follows the state it was built from: asked anew when that changes, the older
 * request given up. While the reports engine starts (503), it asks again by itself. Create it in a component.
 *
 *     const pages = new Question(() => ({ ...period.of(site), limit: 50 }), api.pages);
 */
export class Question<Q, T> {
  data = $state.raw<T | undefined>();
  error = $state.raw<ApiError | undefined>();
  loading = $state(true);
  readonly warming = $derived(this.error?.status === 503);
  #round = $state(0);
  #everyMs: number | undefined;

  /** `read` builds the question, or answers undefined when there is nothing to ask; `ask` sends it. */
  constructor(
    read: () => Q | undefined,
    ask: (question: Q, signal: AbortSignal) => Promise<T>,
    { everyMs, debounceMs = 0 }: Options = {},
  ) {
    this.#everyMs = everyMs;
    $effect(() => {
      void this.#round;
      const question = read();
      if (question === undefined) {
        this.loading = false;
        return;
      }
      const abort = new AbortController();
      this.loading = true;
      const send = () => void this.#send(ask(question, abort.signal), abort.signal);
      const timer = debounceMs ? setTimeout(send, debounceMs) : undefined;
      if (!debounceMs) send();
      return () => {
        clearTimeout(timer);
        abort.abort();
      };
    });
  }

  retry = (): void => {
    this.#round += 1;
  };

  async #send(answer: Promise<T>, signal: AbortSignal): Promise<void> {
    try {
      const data = await answer;
      if (signal.aborted) return;
      this.data = data;
      this.error = undefined;
      this.loading = false;
      if (this.#everyMs) this.#againAfter(this.#everyMs, signal);
    } catch (error) {
      if (signal.aborted) return;
      this.#failed(error instanceof ApiError ? error : new ApiError(0, 'error', String(error)), signal);
    }
  }

  #failed(error: ApiError, signal: AbortSignal): void {
    this.error = error;
    this.loading = false;
    if (error.status === 401) account.expired();
    else if (error.status === 503) this.#againAfter((error.retryAfter ?? WARMING_RETRY_S) * 1000, signal);
    else if (this.#everyMs) this.#againAfter(this.#everyMs * 5, signal);
  }

  #againAfter(ms: number, signal: AbortSignal): void {
    const timer = setTimeout(() => {
      if (document.visibilityState === 'visible') this.retry();
      else document.addEventListener('visibilitychange', this.retry, { once: true, signal });
    }, ms);
    signal.addEventListener('abort', () => clearTimeout(timer));
  }
}

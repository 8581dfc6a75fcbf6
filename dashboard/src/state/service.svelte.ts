/** What the service says of itself at `/readyz`: whether events are taken and reports answered, and why not. */

import { type Readiness, type Trouble, troublesOf } from './troubles';

const EVERY_MS = 30_000;

class Service {
  troubles = $state.raw<Trouble[]>([]);

  /** Asks now and then while the page is seen; answers how to stop. */
  watch(): () => void {
    const ask = () => document.visibilityState === 'visible' && void this.#ask();
    ask();
    const timer = setInterval(ask, EVERY_MS);
    document.addEventListener('visibilitychange', ask);
    return () => {
      clearInterval(timer);
      document.removeEventListener('visibilitychange', ask);
    };
  }

  async #ask(): Promise<void> {
    try {
      const answer = await fetch('/readyz', { headers: { Accept: 'application/json' } });
      this.troubles = troublesOf((await answer.json()) as Readiness);
    } catch {
      // Not reachable: the pages themselves say so.
      this.troubles = [];
    }
  }
}

export const service = new Service();

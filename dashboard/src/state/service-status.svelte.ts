/** Health of the service, polled from `/readyz`. */

import { type Readiness, type Problem, findProblems } from './health';

const EVERY_MS = 30_000;

class Service {
  problems = $state.raw<Problem[]>([]);

  /** Polls while the page is visible; returns a function that stops it. */
  watch(): () => void {
    const poll = () => document.visibilityState === 'visible' && void this.#poll();
    poll();
    const timer = setInterval(poll, EVERY_MS);
    document.addEventListener('visibilitychange', poll);
    return () => {
      clearInterval(timer);
      document.removeEventListener('visibilitychange', poll);
    };
  }

  async #poll(): Promise<void> {
    try {
      const response = await fetch('/readyz', { headers: { Accept: 'application/json' } });
      this.problems = findProblems((await response.json()) as Readiness);
    } catch {
      // Unreachable: the pages show that error themselves.
      this.problems = [];
    }
  }
}

export const service = new Service();

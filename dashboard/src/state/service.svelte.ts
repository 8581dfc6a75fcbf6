/** What the service says of itself at `/readyz`: whether events are taken, and whether the warehouse can be used. */

const EVERY_MS = 30_000;

type Component = { state?: string; ready?: boolean; reason?: string | null; message?: string | null };
type Readiness = { ready?: boolean; because?: string | null; components?: Record<string, Component> };
export type Trouble = { component: string; reason: string };

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
      // Not reachable, or an older form: the pages say themselves what they miss.
      this.troubles = [];
    }
  }
}

function troublesOf({ components = {} }: Readiness): Trouble[] {
  return Object.entries(components).flatMap(([component, { state, ready, reason, message }]) =>
    ready === false || (state !== undefined && !FINE.has(state)) ? [{ component, reason: message ?? reason ?? '' }] : [],
  );
}
const FINE = new Set(['ok', 'ready', 'starting']);

export const service = new Service();

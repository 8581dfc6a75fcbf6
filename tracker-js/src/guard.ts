// The tracker never throws errors into the page: every entry point (API call, event, timer) is wrapped by `guard`.

export function guard<A extends unknown[], R>(work: (...args: A) => R): (...args: A) => R | undefined {
  return (...args) => {
    try {
      return work(...args);
    } catch {
      return undefined;
    }
  };
}

let deferred: (() => void) | undefined;

/** Runs the deferred work now, if it has not run yet. */
export function runDeferred(): void {
  const work = deferred;
  deferred = undefined;
  work?.();
}

/** Defers work until the page is idle, or until `runDeferred` is called. */
export function whenIdle(work: () => void): void {
  deferred = guard(work);
  // Without idle callbacks, a timer at least avoids the middle of page loading.
  (window.requestIdleCallback || setTimeout)(runDeferred, { timeout: 200 } as IdleRequestOptions & number);
}

/**
 * Listens to events of any element, document and window; types are separated by spaces. Uses the capture phase, so that
 * pages that stop propagation do not hide events.
 */
export const on = <E extends Event>(types: string, handler: (event: E) => void): void =>
  types.split(' ').forEach((type) => addEventListener(type, guard(handler) as EventListener, true));

/** Observes calls of a method. */
export function spy<O>(object: O, method: keyof O, observe: (...args: any[]) => void): void {
  const original = object[method] as (...args: unknown[]) => unknown;
  object[method] = ((...args: unknown[]) => {
    const result = original.apply(object, args);
    observe(...args);
    return result;
  }) as O[keyof O];
}

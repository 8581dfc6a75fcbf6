// The promise that nothing is ever thrown into the page: every way in from the page
// (a call of the API, an event, a timer) passes through here.

export function guard<A extends unknown[], R>(work: (...args: A) => R): (...args: A) => R | undefined {
  return (...args) => {
    try {
      return work(...args);
    } catch {
      return undefined;
    }
  };
}

let waiting: (() => void) | undefined;

/** Does now what was put off, if it is still to be done. */
export function wake(): void {
  const work = waiting;
  waiting = undefined;
  work?.();
}

/** Puts work off until the page has nothing better to do, or until somebody needs it done. */
export function whenIdle(work: () => void): void {
  waiting = guard(work);
  // Where nobody tells when the page is idle, at least not in the middle of its loading.
  (window.requestIdleCallback || setTimeout)(wake, { timeout: 200 } as IdleRequestOptions & number);
}

/**
 * Hears events of any element, and of document and window, by their types separated by blanks.
 * Capturing, so that a page that stops propagation does not make us blind.
 */
export const on = <E extends Event>(types: string, react: (event: E) => void): void =>
  types.split(' ').forEach((type) => addEventListener(type, guard(react) as EventListener, true));

/** Hears calls of a method that has no event. */
export function spy<O>(object: O, method: keyof O, hear: (...args: any[]) => void): void {
  const original = object[method] as (...args: unknown[]) => unknown;
  object[method] = ((...args: unknown[]) => {
    const result = original.apply(object, args);
    hear(...args);
    return result;
  }) as O[keyof O];
}

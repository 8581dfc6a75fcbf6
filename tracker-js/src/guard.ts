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

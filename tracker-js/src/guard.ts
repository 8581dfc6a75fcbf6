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

export function on<E extends Event>(target: EventTarget, type: string, react: (event: E) => void): void {
  // Capturing, so that a page that stops propagation does not make us blind.
  target.addEventListener(type, guard(react) as EventListener, true);
}

// Serializes values from the page to JSON. Old libraries add a `toJSON` to arrays, which would turn the list of events into
// a string; and pages put values into events that JSON cannot represent.

/** With `seen`, objects that were already written are left out, so that circular references end. */
export const json = (value: unknown, seen?: WeakSet<object>): string =>
  JSON.stringify(value, function (this: Record<string, unknown>, name: string, written: unknown) {
    const own = this[name];
    if (seen && own && typeof own === 'object') {
      if (seen.has(own)) return;
      seen.add(own);
    }
    return Array.isArray(own) ? own : typeof own === 'bigint' ? own + '' : written;
  });

// JSON of whatever a page hands over. Old libraries give arrays a `toJSON` of their own, which would turn the list of
// events into a text; and a page may put into an event what JSON cannot hold.

/** Given `seen`, what was written already is left out: so an object that holds itself has an end. */
export const json = (value: unknown, seen?: WeakSet<object>): string =>
  JSON.stringify(value, function (this: Record<string, unknown>, name: string, written: unknown) {
    const own = this[name];
    if (seen && own && typeof own === 'object') {
      if (seen.has(own)) return;
      seen.add(own);
    }
    return Array.isArray(own) ? own : typeof own === 'bigint' ? own + '' : written;
  });

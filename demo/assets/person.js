// Who is logged in, in this browser's own storage, checked each time it is read.
import { store, stored } from './dom.js';

const KEY = 'hojreh.person';
export const TEXT_MAX = 80;

/** `{name, email}`, or null. */
export function person() {
  const kept = stored(localStorage, KEY, null);
  const fits = (text) => typeof text === 'string' && text.length > 0 && text.length <= TEXT_MAX;
  return fits(kept?.name) && fits(kept?.email) ? { name: kept.name, email: kept.email } : null;
}

/** Logs in as `{name, email}`, or out with null. */
export function become(somebody) {
  store(localStorage, KEY, somebody);
  dispatchEvent(new CustomEvent('shop:person'));
}

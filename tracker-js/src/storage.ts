// localStorage for one site, or plain memory where the browser refuses it or the visitor has
// not consented: the other modules read and write without asking which of the two it is.
import { mayStore } from './consent';
import { settings } from './settings';

const memory = new Map<string, string>();

const place = (name: string) => `ashna.${settings.key}.${name}`;

/** The names under which something of this site is stored, by any of its tabs. */
export function names(): string[] {
  try {
    const start = place('');
    return Object.keys(localStorage)
      .filter((name) => name.startsWith(start))
      .map((name) => name.slice(start.length));
  } catch {
    return [];
  }
}

/** What was written, unchecked: another script, or a person, may have changed it meanwhile. */
export function read(name: string): any {
  let text: string | null | undefined;
  try {
    // The stored one first: another tab may have written it after this one did.
    text = mayStore(name) ? localStorage.getItem(place(name)) : null;
  } catch {}
  try {
    return JSON.parse(text ?? memory.get(name)!);
  } catch {}
}

export function write(name: string, value: unknown): void {
  const text = JSON.stringify(value);
  memory.set(name, text);
  try {
    if (mayStore(name)) localStorage.setItem(place(name), text);
  } catch {}
}

export function erase(name: string): void {
  memory.delete(name);
  try {
    localStorage.removeItem(place(name));
  } catch {}
}

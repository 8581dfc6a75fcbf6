// localStorage for one site, or plain memory where the browser refuses it or the visitor has
// not consented: the other modules read and write without asking which of the two it is.
import { mayStore } from './consent';
import { settings } from './settings';

const memory: Record<string, string> = {};

function store(name: string): Record<string, string> {
  try {
    if (mayStore(name)) return localStorage;
  } catch {}
  return memory;
}

const keyOf = (name: string) => `ashna.${settings.key}.${name}`;

/** What is stored of this site under a name that starts so, by any of its tabs. */
export const names = (start: string): string[] =>
  Object.keys(store(start))
    .filter((key) => key.startsWith(keyOf(start)))
    .map((key) => key.slice(keyOf('').length));

/** What was written, unchecked: another script, or a person, may have changed it meanwhile. */
export function read(name: string): any {
  const key = keyOf(name);
  try {
    return JSON.parse(store(name)[key] ?? memory[key]!);
  } catch {}
}

export function write(name: string, value: unknown): void {
  const text = JSON.stringify(value);
  try {
    store(name)[keyOf(name)] = text;
  } catch {
    // It is full: then for as long as the page lives.
    memory[keyOf(name)] = text;
  }
}

export function erase(name: string): void {
  delete memory[keyOf(name)];
  delete store(name)[keyOf(name)];
}

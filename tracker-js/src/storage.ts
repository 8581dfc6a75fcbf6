// localStorage for one site, or plain memory where the browser refuses it or the visitor has
// not consented: the other modules read and write without asking which of the two it is.
import { mayStore } from './consent';
import { guard } from './guard';
import { settings } from './settings';

type Shelf = Record<string, string>;

const memory: Shelf = {};

const disk = (): Shelf => guard((): Shelf => localStorage)() || {};

const keyOf = (name: string) => `ashna.${settings.key}.${name}`;

/** What is kept of this site under a name that starts so, by any of its tabs. */
export const names = (start: string): string[] =>
  Object.keys({ ...disk(), ...memory })
    .filter((key) => key.startsWith(keyOf(start)))
    .map((key) => key.slice(keyOf('').length));

/** What was written, unchecked: another script, or a person, may have changed it meanwhile. */
export const read = guard((name: string): any => JSON.parse(((mayStore(name) && disk()[keyOf(name)]) || memory[keyOf(name)]) as string));

/** What is refused, or does not fit, is kept for as long as the page lives. */
export const write = guard((name: string, value: unknown): void => {
  const key = keyOf(name);
  memory[key] = JSON.stringify(value);
  if (mayStore(name)) {
    localStorage[key] = memory[key]!;
    // From here on the other tabs have a say in it.
    delete memory[key];
  }
});

export function erase(name: string): void {
  delete memory[keyOf(name)];
  delete disk()[keyOf(name)];
}

/** Stores what memory held until that was allowed; what another tab has stored by now is kept. */
export function keep(): void {
  const kept = disk();
  for (const key in memory) kept[key] ??= memory[key]!;
}

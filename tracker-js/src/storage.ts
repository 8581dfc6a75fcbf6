// localStorage for one site, or plain memory where the browser refuses it or the visitor has
// not consented: the other modules read and write without asking which of the two it is.
import { mayStore } from './consent';
import { guard } from './guard';
import { json } from './json';
import { settings } from './settings';

type Shelf = Record<string, string>;

/** One for all frames of an origin, so that they propose one visitor before anything may be stored. */
const memory: Shelf = guard((): Shelf => ((top as unknown as Record<string, Shelf>)._ashna ||= {}))() || {};

const disk = (): Shelf => guard((): Shelf => localStorage)() || {};

const keyOf = (name: string) => `ashna.${settings.key}.${name}`;

/** What is kept of this site under a name that starts so, by any of its tabs. */
export const names = (start: string): string[] =>
  Object.keys({ ...disk(), ...memory })
    .filter((key) => key.startsWith(keyOf(start)))
    .map((key) => key.slice(keyOf('').length));

/** What was written, unchecked: another script, or a person, may have changed it meanwhile. */
export const read = guard((name: string): any => {
  const text = (mayStore(name) && disk()[keyOf(name)]) || memory[keyOf(name)];
  // Not by the error of parsing nothing: the first error that is thrown costs a page more than all of this.
  return text && JSON.parse(text as string);
});

/** What is refused, or does not fit, is kept for as long as the page lives. */
export const write = guard((name: string, value: unknown): void => {
  memory[keyOf(name)] = json(value);
  if (mayStore(name)) {
    localStorage[keyOf(name)] = memory[keyOf(name)]!;
    // From here on the other tabs have a say in it.
    delete memory[keyOf(name)];
  }
});

export function erase(name: string): void {
  delete memory[keyOf(name)];
  delete disk()[keyOf(name)];
}

// localStorage for one site, or memory if the browser refuses it or consent is missing; transparent to other modules.
import { mayStore } from './consent';
import { guard } from './guard';
import { json } from './json';
import { settings } from './settings';

type Values = Record<string, string>;

/** Shared by all frames of an origin, so that they propose the same visitor id before anything may be stored. */
const memory: Values = guard((): Values => ((top as unknown as Record<string, Values>)._ashna ||= {}))() || {};

const disk = (): Values => guard((): Values => localStorage)() || {};

const keyOf = (name: string) => `ashna.${settings.key}.${name}`;

/** Names with this prefix that any tab has stored for this site. */
export const names = (start: string): string[] =>
  Object.keys({ ...disk(), ...memory })
    .filter((key) => key.startsWith(keyOf(start)))
    .map((key) => key.slice(keyOf('').length));

/** Returns a stored value, unchecked: other scripts or people may have changed it. */
export const read = guard((name: string): any => {
  const text = (mayStore(name) && disk()[keyOf(name)]) || memory[keyOf(name)];
  // Checked first, because throwing a first error is slow.
  return text && JSON.parse(text as string);
});

/** Values that may not be stored, or do not fit, are kept in memory while the page lives. */
export const write = guard((name: string, value: unknown): void => {
  memory[keyOf(name)] = json(value);
  if (mayStore(name)) {
    localStorage[keyOf(name)] = memory[keyOf(name)]!;
    // From now on the value is shared with other tabs.
    delete memory[keyOf(name)];
  }
});

export function erase(name: string): void {
  delete memory[keyOf(name)];
  delete disk()[keyOf(name)];
}

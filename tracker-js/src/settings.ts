// What the site owner chose, set once by start(). One tracker lives on a page, so this is a
// plain module variable and not an object handed from call to call.
import type { Options } from './types';

export let settings: Options & { deadline: number };

export function configure(options: Options): void {
  settings = { ...options, deadline: options.deadline || 300 };
}

// An existing Google tag set-up: what a page pushes to `dataLayer` is taken too. The server knows
// what the names mean.
import type { Properties } from './types';
import { notice } from './events';
import { choose, presume } from './consent';
import { guard, spy } from './guard';

type Entry = unknown[] & { event?: string };

/** `gtag('consent', 'default' | 'update', {analytics_storage: 'denied', …})`. */
function heed(command: unknown, said: Properties): void {
  const part: Record<string, boolean> = {};
  for (const [purpose, name] of [['analytics', 'analytics_storage'], ['personalization', 'personalization_storage']] as const)
    if (said[name]) part[purpose] = said[name] === 'granted';
  (command === 'update' ? choose : presume)(part);
}

/** `gtag('event', 'purchase', {…})` pushes its arguments, others `{event: 'purchase', ecommerce: {…}}`. */
const take = guard((entry: Entry) => {
  const [command, name, properties] = entry.length ? entry : ['event', entry.event, entry];
  if (command === 'consent') heed(name, properties as Properties);
  // Names with a dot are the tag manager's own.
  if (command === 'event' && /^[^.]+$/.test(name as string)) notice('gtag', properties as Properties, name);
});

export function startDataLayer(): void {
  const layer: Entry[] = ((window as unknown as { dataLayer: Entry[] }).dataLayer ||= []);
  // More than can wait to be sent is not even looked at.
  layer.slice(-200).forEach(take);
  spy(layer, 'push', (...entries: Entry[]) => entries.forEach(take));
}

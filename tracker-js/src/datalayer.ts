// Google tag: events that a page pushes to `dataLayer` are captured. The server maps the names.
import type { Properties } from './types';
import { autocapture } from './events';
import { choose, setDefault } from './consent';
import { guard, spy } from './guard';

type Entry = unknown[] & { event?: string };

/** `gtag('consent', 'default' | 'update', {analytics_storage: 'denied', …})`. */
function applyConsent(command: unknown, storage: Properties): void {
  const part: Record<string, boolean> = {};
  for (const [purpose, name] of [['analytics', 'analytics_storage'], ['personalization', 'personalization_storage']] as const)
    if (storage[name]) part[purpose] = storage[name] === 'granted';
  (command === 'update' ? choose : setDefault)(part);
}

/** `gtag('event', 'purchase', {…})` pushes its arguments, others `{event: 'purchase', ecommerce: {…}}`. */
const handle = guard((entry: Entry) => {
  const [command, name, properties] = entry.length ? entry : ['event', entry.event, entry];
  if (command === 'consent') applyConsent(name, properties as Properties);
  // Names with a dot belong to the tag manager.
  if (command === 'event' && /^[^.]+$/.test(name as string)) autocapture('gtag', properties as Properties, name);
});

export function startDataLayer(): void {
  const layer: Entry[] = ((window as unknown as { dataLayer: Entry[] }).dataLayer ||= []);
  // No more entries than the queue can hold.
  layer.slice(-200).forEach(handle);
  spy(layer, 'push', (...entries: Entry[]) => entries.forEach(handle));
}

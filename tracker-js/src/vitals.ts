// Core Web Vitals, sent once, when the page is first left or hidden. Definitions: web.dev/vitals.
import { autocapture } from './events';
import { shownAt } from './page';
import { guard } from './guard';

interface Entry extends PerformanceEntry {
  value: number;
  hadRecentInput: boolean;
  interactionId?: number;
}

let lcp = 0;
let cls = 0;
/** The longest duration of each slow interaction. */
const slow: Record<number, number> = {};

function watch(type: string, handle: (entry: Entry) => void): void {
  guard(() =>
    new PerformanceObserver((list) => (list.getEntries() as Entry[]).forEach(handle)).observe({
      type,
      buffered: true,
      durationThreshold: 40,
    } as PerformanceObserverInit),
  )();
}

export function sendVitals(): void {
  if (!lcp) return;
  autocapture('vitals', {
    lcp_ms: Math.max(0, lcp - shownAt),
    cls,
    // One outlier per 50 interactions is ignored.
    inp_ms: Object.values(slow).sort((a, b) => b - a)[
      ((performance as { interactionCount?: number }).interactionCount! / 50) | 0
    ],
  });
  lcp = 0;
}

export function startVitals(): void {
  // A page loaded in the background is painted only when it is shown.
  if (document.hidden) return;
  let sum = 0;
  let first = 0;
  let last = 0;
  watch('largest-contentful-paint', ({ startTime }) => (lcp = startTime));
  watch('layout-shift', ({ value, startTime, hadRecentInput }) => {
    if (hadRecentInput) return;
    // Session window: shifts less than one second apart, five seconds in total.
    if (startTime - last > 1000 || startTime - first > 5000) {
      sum = 0;
      first = startTime;
    }
    last = startTime;
    cls = Math.max(cls, (sum += value));
  });
  watch('event', ({ interactionId, duration }) => {
    if (interactionId) slow[interactionId] = Math.max(slow[interactionId] || 0, duration);
  });
}

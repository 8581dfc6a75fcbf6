// Core Web Vitals, told once, when the page is first left or hidden. Definitions: web.dev/vitals.
import { notice } from './events';
import { shown } from './page';
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

function watch(type: string, take: (entry: Entry) => void): void {
  guard(() =>
    new PerformanceObserver((list) => (list.getEntries() as Entry[]).forEach(take)).observe({
      type,
      buffered: true,
      durationThreshold: 40,
    } as PerformanceObserverInit),
  )();
}

export function tellVitals(): void {
  if (!lcp) return;
  notice('vitals', {
    lcp_ms: Math.max(0, lcp - shown),
    cls,
    // One interaction in fifty may be an outlier.
    inp_ms: Object.values(slow).sort((a, b) => b - a)[
      ((performance as { interactionCount?: number }).interactionCount! / 50) | 0
    ],
  });
  lcp = 0;
}

export function startVitals(): void {
  // What is loaded out of sight is painted whenever somebody comes.
  if (document.hidden) return;
  let sum = 0;
  let first = 0;
  let last = 0;
  watch('largest-contentful-paint', ({ startTime }) => (lcp = startTime));
  watch('layout-shift', ({ value, startTime, hadRecentInput }) => {
    if (hadRecentInput) return;
    // Shifts count together while less than a second lies between them and five over all.
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

// How long a page held its visitor, and how far down they came. Time counts between signs of life,
// and at most so long after one: a tab left open engages nobody.
import { notice } from './events';
import { on } from './guard';

const STILL_MAX_MS = 15_000;

let since = 0;
let engaged = 0;
let bottom = 0;

function live(): void {
  const now = performance.now();
  engaged += Math.min(now - since, STILL_MAX_MS);
  since = now;
  bottom = Math.max(bottom, scrollY + innerHeight);
}

/** What was not told yet; the parts of a view add up. */
export function tellEngagement(): void {
  live();
  if (engaged > 1000) {
    notice('engage', {
      engaged_ms: engaged | 0,
      scroll_depth: Math.min(100, ((bottom / document.documentElement.scrollHeight) * 100) | 0),
    });
    engaged = 0;
  }
}

export function leaveView(): void {
  tellEngagement();
  engaged = bottom = 0;
}

/** What passed while nobody looked is not counted. */
export const lookAgain = (): number => (since = performance.now());

export const startEngagement = (): void => on('scroll keydown pointerdown pointermove timeupdate', live);

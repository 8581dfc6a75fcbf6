// Engagement: active time on a page and scroll depth. Time counts between user activities, up to a limit after each: a
// tab left open is not engagement.
import { autocapture } from './events';
import { on } from './guard';

const IDLE_MAX_MS = 15_000;

let since = 0;
let engaged = 0;
let bottom = 0;

function recordActivity(): void {
  const now = performance.now();
  engaged += Math.min(now - since, IDLE_MAX_MS);
  since = now;
  bottom = Math.max(bottom, scrollY + innerHeight);
}

/** Sends the engagement since the last call; the parts of a view add up. */
export function sendEngagement(): void {
  recordActivity();
  if (engaged > 1000) {
    autocapture('engage', {
      engaged_ms: engaged | 0,
      scroll_depth: Math.min(100, ((bottom / document.documentElement.scrollHeight) * 100) | 0),
    });
    engaged = 0;
  }
}

export function leaveView(): void {
  sendEngagement();
  engaged = bottom = 0;
}

/** Restarts the clock when the page is shown again: time while hidden does not count. */
export const resumeEngagement = (): number => (since = performance.now());

export const startEngagement = (): void => on('scroll keydown pointerdown pointermove timeupdate', recordActivity);

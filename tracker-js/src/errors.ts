// Errors of the page's scripts, each once, up to a limit.
import { autocapture, pick } from './events';
import { on } from './guard';

const ERRORS_MAX = 10;

const seen = new Set<unknown>();

export const startErrors = (): void =>
  on('error unhandledrejection', (event: ErrorEvent & PromiseRejectionEvent) => {
    const message = (event.reason || event).message || event.reason;
    // A failed image load is an event without a message.
    if (message && seen.size < ERRORS_MAX && seen.size < seen.add(message).size) {
      autocapture('error', pick(event, 'filename lineno colno', { message: ('' + message).slice(0, 300) }));
    }
  });

// Errors of the page's scripts, each once, and a few at most.
import { notice, pick } from './events';
import { on } from './guard';

const ERRORS_MAX = 10;

const met = new Set<unknown>();

export const startErrors = (): void =>
  on('error unhandledrejection', (event: ErrorEvent & PromiseRejectionEvent) => {
    const message = (event.reason || event).message || event.reason;
    // A picture that does not load is an event without a message.
    if (message && met.size < ERRORS_MAX && met.size < met.add(message).size) {
      notice('error', pick(event, 'filename lineno colno', { message: ('' + message).slice(0, 300) }));
    }
  });

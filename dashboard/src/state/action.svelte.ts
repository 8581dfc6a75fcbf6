import { ApiError } from '../api/client';
import { failureText } from '../parts/failure';
import { account } from './account.svelte';

/** One change at a time that a form or button asks for: whether it is on its way, and why it failed. */
export class Action {
  busy = $state(false);
  failure = $state('');

  /** Answers whether it succeeded. */
  run = async (work: () => Promise<unknown>): Promise<boolean> => {
    if (this.busy) return false;
    this.busy = true;
    this.failure = '';
    try {
      await work();
      return true;
    } catch (error) {
      if (error instanceof ApiError && error.code === 'unauthorized') account.expired();
      this.failure = failureText(error);
      return false;
    } finally {
      this.busy = false;
    }
  };
}

import { ApiError } from '../api/client';
import { type Key, t } from '../i18n/index.svelte';
import { accessFailureText } from '../parts/failure';
import { account } from './account.svelte';

/** One change at a time that a form or button asks for: whether it is on its way, and why it failed. */
export class Action {
  busy = $state(false);
  failure = $state('');
  #texts: Partial<Record<string, Key>>;

  /** `texts` says failures by their code in this form's own words. */
  constructor(texts: Partial<Record<string, Key>> = {}) {
    this.#texts = texts;
  }

  /** Answers whether it succeeded. */
  run = async (work: () => Promise<unknown>): Promise<boolean> => {
    if (this.busy) return false;
    this.busy = true;
    this.failure = '';
    try {
      await work();
      return true;
    } catch (error) {
      const { code, message } = error instanceof ApiError ? error : { code: '', message: '' };
      if (code === 'unauthorized') account.expired();
      const text = this.#texts[code];
      this.failure = text ? t(text, { message }) : accessFailureText(error);
      return false;
    } finally {
      this.busy = false;
    }
  };
}

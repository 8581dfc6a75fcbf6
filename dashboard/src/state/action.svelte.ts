import { ApiError } from '../api/client';
import { type Key, t } from '../i18n/index.svelte';
import { accessFailureText } from '../parts/failure';
import { account } from './account.svelte';

/** A change submitted by a form or button, one at a time, with its progress and error. */
export class Action {
  busy = $state(false);
  failure = $state('');
  #texts: Partial<Record<string, Key>>;

  /** `texts` overrides error texts by code. */
  constructor(texts: Partial<Record<string, Key>> = {}) {
    this.#texts = texts;
  }

  /** Returns whether it succeeded. */
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

import { ApiError } from '../api/client';
import { t } from '../i18n/index.svelte';

/** One clear line for anything that went wrong: ours where we know the case, else what the server said. */
export function failureText(error: unknown): string {
  if (!(error instanceof ApiError)) return String(error);
  if (error.status === 0) return t('failure.unreachable');
  if (error.code === 'bad_credentials') return t('failure.bad_credentials');
  if (error.code === 'bad_code') return t('failure.bad_code');
  if (error.status === 429) return t('failure.too_many', { seconds: error.retryAfter ?? 30 });
  if (error.code === 'reports_busy') return t('failure.busy_text');
  if (error.code === 'question_too_large') return t('failure.question_too_large');
  if (error.status === 503) return t('failure.warming_text');
  return error.message;
}

/** The same for logins and changes of people and keys: what is busy there is the checking of passwords. */
export const accessFailureText = (error: unknown): string =>
  error instanceof ApiError && error.status === 503 ? t('failure.too_many', { seconds: error.retryAfter ?? 2 }) : failureText(error);

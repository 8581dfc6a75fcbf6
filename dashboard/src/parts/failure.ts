import { ApiError } from '../api/client';
import { type Key, t } from '../i18n/index.svelte';

/** Texts by error code; `{message}` is the server's own message. */
const BY_CODE: Partial<Record<string, Key>> = {
  bad_credentials: 'failure.bad_credentials',
  bad_code: 'failure.bad_code',
  too_many: 'failure.too_many',
  rate_limited: 'failure.rate_limited',
  reports_busy: 'failure.busy_text',
  question_too_large: 'failure.question_too_large',
  unauthorized: 'failure.unauthorized',
  forbidden: 'failure.forbidden',
  not_found: 'failure.missing',
  invalid: 'failure.invalid',
  unreadable: 'failure.unreadable',
  conflict: 'failure.conflict',
  too_large: 'failure.too_large',
  too_slow: 'failure.too_slow',
  internal: 'failure.internal',
};

/** One line for a failed request, in the language being shown. */
export function failureText(error: unknown): string {
  if (!(error instanceof ApiError)) return String(error);
  const { status, code, message, retryAfter } = error;
  if (status === 0) return t('failure.unreachable');
  const key = BY_CODE[code];
  if (key) return t(key, { message, seconds: retryAfter ?? 30 });
  if (status === 429) return t('failure.too_many', { seconds: retryAfter ?? 30 });
  return status === 503 ? t('failure.warming_text') : message;
}

/** The same for logins, users and keys, where 503 means that password checks are busy. */
export const accessFailureText = (error: unknown): string =>
  error instanceof ApiError && error.status === 503 ? t('failure.too_many', { seconds: error.retryAfter ?? 2 }) : failureText(error);

// One request to the service. The body is plain text, so that no preflight is needed.
import { json } from './json';
import { settings } from './settings';
import type { Answer } from './visitor';

const ANSWER_WAIT_MAX_MS = 30_000;

export const addressOf = (path: string): string => settings.api + path;

type Answered = Answer & { link?: string; decisions?: unknown };

/** The response, what it says, and for how many seconds it asks to wait; never rejects, without a response all are missing. */
export async function ask(path: string, body: unknown): Promise<[Response?, Answered?, number?]> {
  try {
    const response = await fetch(addressOf(path), {
      method: 'POST',
      body: json(body),
      credentials: 'include',
      keepalive: true,
      signal: AbortSignal.timeout?.(ANSWER_WAIT_MAX_MS) as AbortSignal,
    });
    return [
      response,
      (response.ok && (await response.json().catch(() => {}))) as Answered,
      response.headers.get('Retry-After') as unknown as number,
    ];
  } catch {
    return [];
  }
}

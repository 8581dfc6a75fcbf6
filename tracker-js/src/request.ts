// One request to the service. The body is sent as text/plain, so that no CORS preflight is needed.
import { json } from './json';
import { settings } from './settings';
import type { Answer } from './visitor';

const REQUEST_TIMEOUT_MS = 30_000;

export const urlOf = (path: string): string => settings.api + path;

type ServerAnswer = Answer & { link?: string; decisions?: unknown };

/** Returns the response, its JSON and its `Retry-After` in seconds. Never rejects; without a response all are missing. */
export async function request(path: string, body: unknown): Promise<[Response?, ServerAnswer?, number?]> {
  try {
    const response = await fetch(urlOf(path), {
      method: 'POST',
      body: json(body),
      credentials: 'include',
      keepalive: true,
      signal: AbortSignal.timeout?.(REQUEST_TIMEOUT_MS) as AbortSignal,
    });
    return [
      response,
      (response.ok && (await response.json().catch(() => {}))) as ServerAnswer,
      response.headers.get('Retry-After') as unknown as number,
    ];
  } catch {
    return [];
  }
}

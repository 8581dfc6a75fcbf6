import { ApiError } from '../../api/client';

/** What a webhook is called for. */
export const TRIGGERS = ['event', 'segment.entered', 'segment.left'] as const;
export type Trigger = (typeof TRIGGERS)[number];
export type Called = { trigger: Trigger; value: string };

/** The parts of a name such as `event:Order Completed`; undefined for a name of a later version. */
export function parsed(name: string): Called | undefined {
  const colon = name.indexOf(':');
  const trigger = TRIGGERS.find((known) => known === name.slice(0, Math.max(colon, 0)));
  const value = name.slice(colon + 1);
  return trigger && value ? { trigger, value } : undefined;
}
export const nameOf = ({ trigger, value }: Called): string => `${trigger}:${value}`;

/** The list with a name, once. */
export const withName = (names: string[], name: string): string[] => (names.includes(name) ? names : [...names, name]);

/** Calls of the tracker that are no `track` events, as webhooks name them. */
export const CALLS = ['page', 'screen', 'identify', 'group', 'alias'] as const;

/** Why a call or an address failed, by the server's message; `status`: its status says it, `other`: only the message. */
export const PROBLEMS = ['private', 'unresolved', 'no_answer', 'redirect', 'status', 'other'] as const;
export type Problem = (typeof PROBLEMS)[number];
export function problemOf(message: string): Problem {
  if (message.includes('inside a private network')) return 'private';
  if (message.includes('cannot be resolved')) return 'unresolved';
  if (message.includes('does not answer')) return 'no_answer';
  if (message.includes('it redirects')) return 'redirect';
  if (message.includes('answers with status')) return 'status';
  return 'other';
}

/** Gives a refusal of an address a code of its own, so that it has a text of its own. */
export async function explained<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof ApiError && error.code === 'invalid' && problemOf(error.message) !== 'other') {
      throw new ApiError(error.status, `address_${problemOf(error.message)}`, error.message);
    }
    throw error;
  }
}

/** How a receiver checks a signature, for Node.js. */
export const verification = (secret: string): string => `import { createHmac, timingSafeEqual } from 'node:crypto';

// body: the bytes of the request as they arrived
function isFromAshna(body, header, secret = '${secret}') {
  const { t, v1 } = Object.fromEntries(header.split(',').map((part) => part.split('=')));
  if (Math.abs(Date.now() / 1000 - Number(t)) > 300) return false;
  const expected = createHmac('sha256', secret).update(\`\${t}.\`).update(body).digest();
  const given = Buffer.from(v1 ?? '', 'hex');
  return given.length === expected.length && timingSafeEqual(given, expected);
}

isFromAshna(body, request.headers['ashna-signature']);`;

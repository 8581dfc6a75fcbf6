import { json } from './client';
import type { S, Sent, Role, Session } from './types';

/** Requests and JSON of users, logins, keys and the audit log. */

/** Permissions of a member; `sites` null means all sites. */
export type Access = Pick<Member, 'role' | 'sites' | 'masked'>;
export type Member = Sent<S['UserEntry']>;
export type Invitation = Sent<S['InvitationEntry']>;
export type Team = { users: Member[]; invitations: Invitation[] };
export type NewInvitation = Sent<S['InvitationMade']>;
export type Login = S['SessionEntry'];
export const SCOPES = ['read', 'server', 'admin'] as const satisfies S['Scope'][];
export type Scope = S['Scope'];
export type ApiKey = Sent<S['KeyEntry']>;
export type NewKey = { scope: Scope; name?: string; expires_at?: string };
export type AuditEntry = Sent<S['AuditEntry']>;
export type AuditPage = { entries: AuditEntry[]; next: number | null };

type Signal = AbortSignal | undefined;
const get = <R>(path: string, signal?: Signal) => json<R>('GET', path, signal ? { signal } : {});
const send = <R>(method: string, path: string, body?: unknown) => json<R>(method, path, { body });
const id = encodeURIComponent;

export const team = {
  list: (signal?: Signal) => get<Team>('/users', signal),
  change: (user: number, change: Partial<Access>) => send<Member>('PATCH', `/users/${user}`, change),
  remove: (user: number) => send<void>('DELETE', `/users/${user}`),
  logOut: (user: number) => send<void>('POST', `/users/${user}/log-out`),
  resetTwoFactor: (user: number) => send<void>('POST', `/users/${user}/reset-two-factor`),
  invite: (email: string, access: Access) => send<NewInvitation>('POST', '/invitations', { email, ...access }),
  revoke: (invitation: number) => send<void>('DELETE', `/invitations/${invitation}`),
};

export const invitation = {
  look: (token: string, signal?: Signal) => get<{ email: string; role: Role }>(`/invitations/${id(token)}`, signal),
  accept: (token: string, password: string) => send<Session>('POST', `/invitations/${id(token)}`, { password }),
};

export const logins = {
  list: async (signal?: Signal) => (await get<{ sessions: Login[] }>('/sessions', signal)).sessions,
  end: (login: Login['id']) => send<void>('DELETE', `/sessions/${login}`),
  endOthers: () => send<void>('DELETE', '/sessions'),
};

export const own = {
  changePassword: (current: string, next: string) => send<void>('PUT', '/session/password', { current, new: next }),
  startTwoFactor: (password: string) =>
    send<{ secret: string; otpauth_url: string }>('POST', '/session/two-factor', { password }),
  finishTwoFactor: (code: string) => send<{ recovery_codes: string[] }>('PUT', '/session/two-factor', { code }),
  stopTwoFactor: (password: string, code: string) => send<void>('DELETE', '/session/two-factor', { password, code }),
  newRecoveryCodes: (password: string, code: string) =>
    send<{ recovery_codes: string[] }>('POST', '/session/recovery-codes', { password, code }),
};

export const siteKeys = (site: number) => ({
  list: async (signal?: Signal) => (await get<{ keys: ApiKey[] }>(`/sites/${site}/keys`, signal)).keys,
  add: (key: NewKey) => send<{ key: string }>('POST', `/sites/${site}/keys`, key),
  revoke: (key: number) => send<void>('DELETE', `/sites/${site}/keys/${key}`),
});

export const deleteSite = (site: number, name: string) => send<void>('DELETE', `/sites/${site}?name=${id(name)}`);

export function auditLog(question: { site?: number; before?: number; limit: number }, signal?: Signal) {
  const query = new URLSearchParams(
    Object.entries(question).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]])),
  );
  return get<AuditPage>(`/audit?${query}`, signal);
}

/** Problems of the service, read from its health report at `/readyz`. */

type ComponentHealth = { name?: string; state?: string; code?: string; cause?: string | null; message?: string | null };
export type Readiness = {
  ready?: boolean;
  code?: string;
  because?: string | null;
  warehouse?: ComponentHealth;
  components?: ComponentHealth[];
};
/** Events are rejected, reports are unavailable, or a component needs attention. */
export type Problem = { kind: 'events' | 'reports' | 'part'; name: string; code: string; message: string };

/** Transient states are not reported. */
const TRANSIENT = /(?:^|_)(?:starting|stopping)$/;
const HEALTHY = new Set(['ok', 'ready', 'starting']);

export function findProblems({ ready, code = '', because, warehouse, components = [] }: Readiness): Problem[] {
  const problems: Problem[] = [];
  if (ready === false && !TRANSIENT.test(code)) problems.push({ kind: 'events', name: 'service', code, message: because ?? '' });
  for (const component of [...(warehouse ? [{ name: 'warehouse', ...warehouse }] : []), ...components]) {
    const { name = '', state = 'ok', message } = component;
    const cause = (component.code ?? component.cause ?? '').replace(/^warehouse_/, '');
    if (HEALTHY.has(state) || TRANSIENT.test(cause) || problems.some((known) => known.name === name || known.code === cause)) continue;
    const kind = state !== 'degraded' && (name === 'warehouse' || name === 'engine') ? 'reports' : 'part';
    problems.push({ kind, name, code: cause, message: message ?? '' });
  }
  return problems;
}

/** What is not as it should be, read from what the service says of itself at `/readyz`. */

type Part = { name?: string; state?: string; code?: string; cause?: string | null; message?: string | null };
export type Readiness = {
  ready?: boolean;
  code?: string;
  because?: string | null;
  warehouse?: Part;
  components?: Part[];
};
/** What is not as it should be: events are refused, reports are away, or a part of the service needs a look. */
export type Trouble = { kind: 'events' | 'reports' | 'part'; name: string; code: string; message: string };

/** What passes by itself within moments is no trouble. */
const PASSING = /(?:^|_)(?:starting|stopping)$/;
const WELL = new Set(['ok', 'ready', 'starting']);

export function troublesOf({ ready, code = '', because, warehouse, components = [] }: Readiness): Trouble[] {
  const troubles: Trouble[] = [];
  if (ready === false && !PASSING.test(code)) troubles.push({ kind: 'events', name: 'service', code, message: because ?? '' });
  for (const part of [...(warehouse ? [{ name: 'warehouse', ...warehouse }] : []), ...components]) {
    const { name = '', state = 'ok', message } = part;
    const why = (part.code ?? part.cause ?? '').replace(/^warehouse_/, '');
    if (WELL.has(state) || PASSING.test(why) || troubles.some((known) => known.name === name || known.code === why)) continue;
    const kind = state !== 'degraded' && (name === 'warehouse' || name === 'engine') ? 'reports' : 'part';
    troubles.push({ kind, name, code: why, message: message ?? '' });
  }
  return troubles;
}

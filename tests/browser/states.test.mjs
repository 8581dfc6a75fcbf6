// How the dashboard reads readiness and user agents.

import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { build } from 'esbuild';

const SOURCES = new URL('../../dashboard/src/', import.meta.url);

/** Bundles a dashboard module that needs no page. */
async function dashboard(path) {
  const built = await build({ entryPoints: [new URL(path, SOURCES).pathname], bundle: true, write: false, format: 'esm' });
  return import(`data:text/javascript,${encodeURIComponent(built.outputFiles[0].text)}`);
}

let findProblems;
let agentNames;

before(async () => {
  [{ findProblems }, { agentNames }] = await Promise.all([dashboard('state/health.ts'), dashboard('parts/user-agent.ts')]);
});

test('readiness becomes problems: rejected events, unavailable reports, components that need attention', () => {
  const check = (readiness, expected) => assert.deepEqual(findProblems(readiness).map(({ kind, name, code }) => [kind, name, code]), expected);
  check({ ready: true, because: null, reports: true }, []);
  check({ ready: true, reports: false, components: [{ name: 'warehouse', state: 'down', code: 'warehouse_starting', message: 'm' }] }, []);
  check({ ready: false, code: 'stopping', because: 'the service is stopping', components: [{ name: 'service', state: 'down', code: 'stopping' }] }, []);
  const down = { name: 'warehouse', state: 'down', code: 'warehouse_unreachable', message: 'm' };
  check({ ready: true, reports: false, components: [down] }, [['reports', 'warehouse', 'unreachable']]);
  check({ ready: true, reports: false, warehouse: { state: 'unusable', cause: 'too_old', message: 'm' } }, [['reports', 'warehouse', 'too_old']]);
  check({ ready: true, reports: false, warehouse: { state: 'starting', cause: null } }, []);
  check({ ready: true, reports: true, warehouse: { state: 'ready', cause: null } }, []);
  const full = { name: 'journal', state: 'down', code: 'journal_full', message: 'm' };
  check({ ready: false, code: 'journal_full', because: 'm', components: [full, { name: 'feeds', state: 'degraded', code: 'task_failed', message: 'm' }] },
    [['events', 'service', 'journal_full'], ['part', 'feeds', 'task_failed']]);
});

test('browsers are shown by their common names', () => {
  const check = (agent, browser, system) => assert.deepEqual({ ...agentNames(agent) }, { browser, system });
  const webkit = 'AppleWebKit/537.36 (KHTML, like Gecko)';
  check(`Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${webkit} Chrome/142.0.0.0 Safari/537.36`, 'Chrome', 'Windows');
  check(`Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${webkit} Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0`, 'Edge', 'Windows');
  check(`Mozilla/5.0 (Linux; Android 15; SM-S921B) ${webkit} SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36`, 'Samsung Internet', 'Android');
  check('Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0', 'Firefox', 'Linux');
  check('Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1', 'Safari', 'iPhone');
  check('Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15', 'Safari', 'macOS');
  check('', undefined, undefined);
});

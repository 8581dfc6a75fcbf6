// Starts the real binary on a free port with a data directory of its own.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { BINARY, freePort, run, until } from '../binary.mjs';

export { BINARY, until };

const STOP_MAX_MS = 20_000;

/** A running service, by default with the demo shop; `stop` ends it and removes its data. */
export async function startService({ demo = true } = {}) {
  const port = await freePort();
  const data = await mkdtemp(join(tmpdir(), 'ashna-browser-'));
  const child = spawn(BINARY, ['serve', ...(demo ? ['--demo'] : []), '--listen', `127.0.0.1:${port}`, '--data-dir', data], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let printed = '';
  child.stdout.on('data', (bytes) => (printed += bytes));
  const base = `http://127.0.0.1:${port}`;
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      const gone = once(child, 'exit');
      child.kill('SIGTERM');
      // It should exit within ten seconds; the test does not wait longer.
      const patience = setTimeout(() => child.kill('SIGKILL'), STOP_MAX_MS);
      await gone;
      clearTimeout(patience);
    }
    // The engine may briefly outlive its parent and still write.
    await rm(data, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  };
  try {
    await until('the service to be ready', async () => (await fetch(`${base}/readyz`)).ok);
    const setupLink = (await until('the set-up link', () => printed.match(/http\S+#token=\S+/)))[0];
    const command = async (...args) => JSON.parse((await run(BINARY, [...args, '--data-dir', data])).stdout);
    const addSite = (...origins) =>
      command('site', 'add', '--name', 'Test', '--json', ...origins.flatMap((origin) => ['--origin', origin]));
    return { base, setupLink, stop, kill: () => child.kill('SIGKILL'), command, addSite, pid: child.pid, data };
  } catch (error) {
    await stop();
    throw error;
  }
}

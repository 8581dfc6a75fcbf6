// Starts the real binary on a free port with a data directory of its own.

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

export const BINARY = process.env.ASHNA_BINARY ?? new URL('../../target/debug/ashna', import.meta.url).pathname;

const STOP_MAX_MS = 20_000;

let candidate = process.pid * 97;

/** A free port of those that the kernel gives to no connection by itself: nothing takes it before the service does. */
async function freePort() {
  for (;;) {
    const port = 10_000 + (candidate++ % 20_000);
    const server = createServer();
    const isFree = new Promise((resolve) => server.once('error', () => resolve(false)).once('listening', () => resolve(true)));
    server.listen(port, '127.0.0.1');
    if (!(await isFree)) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}

/** Polls until `check` gives something, or fails with what it was waiting for; the limit only ends a test that fails. */
export async function until(what, check, limitMs = 120_000) {
  const end = Date.now() + limitMs;
  let last;
  while (Date.now() < end) {
    try {
      const found = await check();
      if (found) return found;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`waited ${limitMs} ms in vain for ${what}${last ? `: ${last.message}` : ''}`);
}

const run = promisify(execFile);

/** A running service, with the demo shop unless told otherwise; `stop` ends it and removes its data. */
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
      // It promises to be gone in ten seconds; a test does not hang on that promise.
      const patience = setTimeout(() => child.kill('SIGKILL'), STOP_MAX_MS);
      await gone;
      clearTimeout(patience);
    }
    // The engine may live a moment longer than its parent, and still write.
    await rm(data, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  };
  try {
    await until('the service to be ready', async () => (await fetch(`${base}/readyz`)).ok);
    const setupLink = (await until('the set-up link', () => printed.match(/http\S+#token=\S+/)))[0];
    const command = async (...words) => JSON.parse((await run(BINARY, [...words, '--data-dir', data])).stdout);
    const addSite = (...origins) =>
      command('site', 'add', '--name', 'Test', '--json', ...origins.flatMap((origin) => ['--origin', origin]));
    return { base, setupLink, stop, kill: () => child.kill('SIGKILL'), command, addSite, pid: child.pid, data };
  } catch (error) {
    await stop();
    throw error;
  }
}

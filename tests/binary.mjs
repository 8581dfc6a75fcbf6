// Runs the real binary for tests outside of Rust.

import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { promisify } from 'node:util';

export const BINARY = process.env.ASHNA_BINARY ?? new URL('../target/debug/ashna', import.meta.url).pathname;

/** Runs a program to its end; its output. */
export const run = promisify(execFile);

let candidate = process.pid * 97;

/** A free port outside of the kernel's ephemeral range, so that no connection takes it before the service. */
export async function freePort() {
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

/** Polls until `check` returns a truthy value, or fails naming what it waited for; only failing tests reach the limit. */
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

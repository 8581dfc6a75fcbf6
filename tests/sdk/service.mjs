// The real binary on a free port with its own data directory, to be killed and restarted.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { BINARY, freePort, run, until } from '../binary.mjs';

export { until };

export class Service {
  /** Opens a port and a directory; `settings` are environment variables such as ASHNA__RATE__… */
  static async open(settings = {}) {
    const service = new Service();
    service.settings = settings;
    service.data = await mkdtemp(join(tmpdir(), 'ashna-sdk-'));
    [service.port, service.metricsPort] = [await freePort(), await freePort()];
    service.base = `http://127.0.0.1:${service.port}`;
    await service.start();
    return service;
  }

  async start() {
    const ports = ['--listen', `127.0.0.1:${this.port}`, '--metrics-listen', `127.0.0.1:${this.metricsPort}`];
    const log = await open(join(this.data, 'service.log'), 'a');
    this.child = spawn(BINARY, ['serve', ...ports, '--data-dir', this.data], {
      stdio: ['ignore', 'ignore', log.fd],
      env: { ...process.env, ...this.settings },
    });
    await log.close();
    await until('the service to be ready', async () => (await fetch(`${this.base}/readyz`)).ok);
  }

  /** Kills it with SIGKILL. */
  async kill() {
    this.child.kill('SIGKILL');
    await once(this.child, 'exit');
  }

  /** Ends it, shows its log when the tests failed, and removes its data. */
  async stop(failed = false) {
    if (this.child.exitCode === null && this.child.signalCode === null) await this.kill();
    if (failed) process.stderr.write(await readFile(join(this.data, 'service.log'), 'utf8'));
    // The engine may briefly outlive its parent and still write.
    await rm(this.data, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }

  /** The output of a command of the binary, next to the running service. */
  async command(...words) {
    const { stdout } = await run(BINARY, [...words, '--json', '--data-dir', this.data]);
    return JSON.parse(stdout);
  }

  /** Counters and gauges by name, those with labels summed. */
  async metrics() {
    const text = await (await fetch(`http://127.0.0.1:${this.metricsPort}/metrics`)).text();
    const sums = {};
    for (const line of text.split('\n')) {
      const [, name, value] = line.match(/^(\w+)(?:\{[^}]*\})? (\d+)$/) ?? [];
      if (name) sums[name] = (sums[name] ?? 0) + Number(value);
    }
    return sums;
  }

  /** Rows of the warehouse, queried directly once everything is delivered. */
  async rows(question) {
    await until('everything to be stored', async () => {
      const now = await this.metrics();
      return now.ashna_store_up === 1 && now.ashna_journal_records_waiting === 0;
    });
    const secret = (await readFile(join(this.data, 'engine/secret'), 'utf8')).trim();
    const answer = await fetch(`http://127.0.0.1:${await this.enginePort()}/`, {
      method: 'POST',
      headers: { 'x-clickhouse-user': 'ashna', 'x-clickhouse-key': secret },
      body: `${question} FORMAT JSONEachRow`,
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(text);
    return text.split('\n').filter(Boolean).map((line) => JSON.parse(line));
  }

  /** The engine is the service's child, called `engine-child KIND FILE DIRECTORY PORT …`. */
  async enginePort() {
    const threads = await readdir(`/proc/${this.child.pid}/task`);
    const children = threads.map((thread) => `/proc/${this.child.pid}/task/${thread}/children`);
    const pids = await Promise.all(children.map((file) => readFile(file, 'utf8').catch(() => '')));
    for (const pid of pids.join(' ').split(/\s+/).filter(Boolean)) {
      const words = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0').filter(Boolean);
      if (words.includes('engine-child')) return words[words.indexOf('engine-child') + 4];
    }
    throw new Error('the engine is away');
  }
}

/** Checks the two invariants by `/metrics`. */
export function conserved(metrics) {
  const of = (name) => metrics[`ashna_${name}`] ?? 0;
  return (
    of('events_received_total') ===
      of('events_kept_total') + of('events_dropped_total') + of('events_rejected_total') &&
    of('journal_records_kept') ===
      of('journal_records_inserted') + of('journal_records_quarantined') + of('journal_records_waiting')
  );
}

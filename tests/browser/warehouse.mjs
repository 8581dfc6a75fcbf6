// Queries the real engine on its own port, found on its child process's command line.

import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { until } from './service.mjs';

/** The port of the service's engine. */
async function portOf(pid) {
  const children = await Promise.all(
    (await readdir(`/proc/${pid}/task`)).map((task) => readFile(`/proc/${pid}/task/${task}/children`, 'utf8').catch(() => '')),
  );
  for (const child of children.join(' ').split(' ').filter(Boolean)) {
    const args = (await readFile(`/proc/${child}/cmdline`, 'utf8')).split('\0').filter(Boolean);
    // Its command line: engine-child KIND FILE DIRECTORY PORT …
    if (args.includes('engine-child')) return args[args.indexOf('engine-child') + 4];
  }
  throw new Error('the service has no engine yet');
}

export class Warehouse {
  static async of({ pid, data }) {
    const warehouse = new Warehouse();
    const secret = (await readFile(join(data, 'engine/secret'), 'utf8')).trim();
    const port = await until('the engine', () => portOf(pid));
    warehouse.url = `http://127.0.0.1:${port}/?database=ashna`;
    warehouse.headers = { 'X-ClickHouse-User': 'ashna', 'X-ClickHouse-Key': secret };
    return warehouse;
  }

  async ask(question) {
    const body = question + ' FORMAT JSONEachRow';
    const answer = await fetch(this.url, { method: 'POST', headers: this.headers, body });
    const text = await answer.text();
    if (!answer.ok) throw new Error(text);
    return text.trim().split('\n').filter(Boolean).map((line) => JSON.parse(line));
  }

  /** Every event of a site, in the order they happened. */
  async events(site) {
    const rows = await this.ask(
      `SELECT kind, name, path, referrer_path, toString(visitor) AS visitor, properties, library
       FROM events WHERE site_id = ${site} ORDER BY occurred_at, position`,
    );
    return rows.map(({ kind, name, properties, ...rest }) => ({
      ...rest,
      name: name || { 2: 'view', 4: 'identify', 5: 'group', 6: 'alias' }[kind],
      properties: JSON.parse(properties),
    }));
  }
}

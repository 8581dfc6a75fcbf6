// The road between a browser and the service: records what is posted, and can be closed or made to
// swallow what it is given.

import { once } from 'node:events';
import { createServer, request as ask } from 'node:http';

export class Road {
  /** Bodies of `/e` that the service answered, in order. */
  posted = [];
  asked = [];
  mood = 'open';
  /** Bodies that reached neither the service nor an answer. */
  swallowed = 0;
  /** Stands in for the tracker, to measure what another script, or none, would cost. */
  script;

  static async to(base) {
    const road = new Road();
    road.target = new URL(base);
    road.server = createServer((request, response) => road.carry(request, response).catch(() => response.destroy()));
    road.server.listen(0, '127.0.0.1');
    await once(road.server, 'listening');
    road.url = `http://127.0.0.1:${road.server.address().port}`;
    return road;
  }

  async carry(request, response) {
    if (this.mood === 'closed') return response.destroy();
    if (this.script !== undefined && request.url === '/t.js') {
      return response.writeHead(200, { 'content-type': 'text/javascript' }).end(this.script);
    }
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    // Swallowed: the service never hears of it, and the browser never gets an answer.
    if (this.mood === 'swallowing' && request.url === '/e') {
      this.swallowed += 1;
      return undefined;
    }
    const { hostname, port } = this.target;
    const onward = ask({ hostname, port, method: request.method, path: request.url, headers: request.headers });
    onward.on('error', () => response.destroy());
    onward.end(body);
    const [answer] = await once(onward, 'response');
    if (request.url === '/e' && request.method === 'POST' && answer.statusCode < 300) this.posted.push(JSON.parse(body));
    if (request.url === '/v1/decide' && request.method === 'POST') this.asked.push(JSON.parse(body));
    response.writeHead(answer.statusCode, answer.headers);
    answer.pipe(response);
  }

  /** Every event that was answered, once. */
  get events() {
    return [...new Map(this.posted.flatMap(({ events }) => events).map((event) => [event.messageId, event])).values()];
  }

  close() {
    this.server.closeAllConnections();
    this.server.close();
  }
}

// A proxy between browser and service: records posted bodies, can be closed, or can swallow requests.

import { once } from 'node:events';
import { createServer, request as ask } from 'node:http';

export class Road {
  /** Answered bodies of `/e`, in order. */
  posted = [];
  asked = [];
  mood = 'open';
  /** Bodies that were swallowed: neither forwarded nor answered. */
  swallowed = 0;
  /** Replaces the tracker's script, to measure another script or none. */
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
    // Swallowed: not forwarded to the service and not answered.
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

  /** All answered events, without duplicates. */
  get events() {
    return [...new Map(this.posted.flatMap(({ events }) => events).map((event) => [event.messageId, event])).values()];
  }

  close() {
    this.server.closeAllConnections();
    this.server.close();
  }
}

// A TCP proxy in front of the warehouse that can be stopped: node gate.mjs LISTEN_PORT TARGET_PORT. While it does not run,
// connections are refused as by a warehouse that is down.
import { connect, createServer } from 'node:net';

const [listen, target] = process.argv.slice(2).map(Number);
createServer((client) => {
  const server = connect(target, '127.0.0.1');
  client.pipe(server).pipe(client);
  client.on('error', () => server.destroy());
  server.on('error', () => client.destroy());
}).listen(listen, '127.0.0.1');

// A way to the warehouse that can be shut: node gate.mjs LISTEN_PORT TARGET_PORT. While it does not run,
// connections are refused as they are by a warehouse that is down.
import { connect, createServer } from 'node:net';

const [listen, target] = process.argv.slice(2).map(Number);
createServer((client) => {
  const server = connect(target, '127.0.0.1');
  client.pipe(server).pipe(client);
  client.on('error', () => server.destroy());
  server.on('error', () => client.destroy());
}).listen(listen, '127.0.0.1');

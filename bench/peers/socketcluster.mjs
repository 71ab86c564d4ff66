// SocketCluster with its own channels and in-memory broker.
import { createServer } from 'node:http';
import socketClusterServer from 'socketcluster-server';

const http = createServer();
const server = socketClusterServer.attach(http, {
  path: '/socketcluster/',
  protocolVersion: 2,
  wsEngineServerOptions: { perMessageDeflate: false },
  // No allowance of subscriptions, no middleware: the least it can do.
  allowClientPublish: true,
});

async function serve(socket) {
  for await (const request of socket.procedure('echo')) request.end(request.data);
}

async function accept() {
  for await (const { socket } of server.listener('connection')) void serve(socket);
}

void accept();
http.listen(0, '127.0.0.1', () => process.stdout.write(`port ${http.address().port}\n`));

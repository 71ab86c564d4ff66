// `ws` as its documentation shows a broadcast: a loop over the clients. Messages as in raw-uws.ts.
import { WebSocketServer } from 'ws';

const topics = new Map();
const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false });

server.on('connection', (socket) => {
  /** @type {Set<import('ws').WebSocket> | null} */
  let joined = null;
  socket.on('message', (/** @type {Buffer} */ data) => {
    const kind = data[0];
    if (kind === 0x53) {
      const name = data.toString('latin1', 1);
      joined = topics.get(name) ?? new Set();
      topics.set(name, joined);
      joined.add(socket);
      socket.send('s');
    } else if (kind === 0x50 || kind === 0x51) {
      const space = data.indexOf(0x20);
      const payload = data.subarray(space + 1);
      for (const subscriber of topics.get(data.toString('latin1', 1, space)) ?? [])
        subscriber.send(payload, { binary: false });
      if (kind === 0x51) socket.send('q');
    } else socket.send(data, { binary: false });
  });
  socket.on('error', () => {});
  socket.on('close', () => joined?.delete(socket));
});
server.on('listening', () => process.stdout.write(`port ${server.address().port}\n`));

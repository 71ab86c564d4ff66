// Bun's own topics (`server.publish`). Run by Bun, not by Node. Messages as in raw-uws.ts.
const text = new TextDecoder('latin1');

const server = Bun.serve({
  hostname: '127.0.0.1',
  port: 0,
  fetch: (request, self) => (self.upgrade(request) ? undefined : new Response('expected an upgrade', { status: 426 })),
  websocket: {
    perMessageDeflate: false,
    idleTimeout: 0,
    sendPings: false,
    backpressureLimit: 64 * 1024 * 1024,
    message(socket, message) {
      const kind = message.charCodeAt?.(0) ?? message[0];
      const data = typeof message === 'string' ? message : text.decode(message);
      if (kind === 0x53) {
        socket.subscribe(data.slice(1));
        socket.send('s');
      } else if (kind === 0x50) {
        const space = data.indexOf(' ');
        server.publish(data.slice(1, space), data.slice(space + 1));
      } else if (kind === 0x51) {
        const space = data.indexOf(' ');
        server.publish(data.slice(1, space), data.slice(space + 1));
        socket.send('q');
      } else socket.send(data);
    },
  },
});
process.stdout.write(`port ${server.port}\n`);

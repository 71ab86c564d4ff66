/** Socket.IO 4 over WebSocket (Engine.IO protocol 4), with the handful of packets that the peer uses. */
import type { Client } from '../client.ts';
import type { Wire } from '../wire.ts';

const LETTER = { open: 0x30, ping: 0x32, message: 0x34, event: 0x32, ack: 0x33, connected: 0x30 } as const;
/** `"]` after the text of a payload. */
const TAIL = 2;

export function socketIo(payloadBytes: number): Wire {
  const textBytes = payloadBytes - 2;
  return {
    name: 'Socket.IO',
    binary: false,
    path: () => '/socket.io/?EIO=4&transport=websocket',
    // The server speaks first; `40` is answered by `40{sid}`.
    hello: (client) => client.send('40'),
    subscribe: (client, topic) => client.send(`420["subscribe","${topic}"]`),
    publish: (topic, payload) => `42["publish","${topic}","${payload}"]`,
    request: (_topic, payload) => `421["echo","${payload}"]`,
    acknowledged: (_client, topic, payload) => `421["say","${topic}","${payload}"]`,
    read(client: Client, bytes: Buffer, start: number, end: number): void {
      const kind = bytes[start];
      if (kind === LETTER.ping) client.send('3');
      if (kind !== LETTER.message) return;
      const type = bytes[start + 1];
      if (type === LETTER.event) client.delivered(bytes, end - TAIL - textBytes);
      else if (type === LETTER.connected) client.subscribed();
      else if (type === LETTER.ack) {
        if (bytes[start + 2] === LETTER.open) client.subscribed();
        else client.answered();
      }
    },
  };
}

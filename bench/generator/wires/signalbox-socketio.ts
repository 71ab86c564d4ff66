/** Signalbox as clients of Socket.IO know it, over WebSocket. Events are told apart by the first letter of their name. */
import type { Client } from '../client.ts';
import type { Wire } from '../wire.ts';

const LETTER = { ping: 0x32, message: 0x34, event: 0x32, ack: 0x33, connected: 0x30, m: 0x6d } as const;
/** `42["` */
const NAME_AT = 4;
const QUOTE = 0x22;
/** `"},` between the text of a payload and the quote of its offset. */
const BETWEEN = 3;

export function signalboxSocketIo(payloadBytes: number): Wire {
  const textBytes = payloadBytes - 2;
  return {
    name: 'Socket.IO',
    binary: false,
    path: (_topic, _role, token) => `/socket.io/?EIO=4&transport=websocket&token=${token}`,
    hello: (client) => client.send('40'),
    subscribe: (client, topic) => client.send(`420["subscribe","${topic}"]`),
    publish: (topic, payload) => `42["publish",{"topic":"${topic}","payload":"${payload}"}]`,
    request: (topic, payload) => `421["publish",{"topic":"${topic}","payload":"${payload}"}]`,
    acknowledged: (_client, topic, payload) => `421["publish",{"topic":"${topic}","payload":"${payload}"}]`,
    read(client: Client, bytes: Buffer, start: number, end: number): void {
      const kind = bytes[start];
      if (kind === LETTER.ping) client.send('3');
      if (kind !== LETTER.message) return;
      const type = bytes[start + 1];
      if (type === LETTER.event) {
        if (bytes[start + NAME_AT] === LETTER.m) client.delivered(bytes, offsetAt(bytes, end) - BETWEEN - textBytes);
      } else if (type === LETTER.connected) client.subscribed();
      else if (type === LETTER.ack) {
        if (bytes[start + 2] === LETTER.connected) client.subscribed();
        else client.answered();
      }
    },
  };
}

/** Where the last argument of an event begins, a string without escapes. */
function offsetAt(bytes: Buffer, end: number): number {
  let at = end - 3;
  while (bytes[at] !== QUOTE) at -= 1;
  return at;
}

/** SocketCluster, protocol version 2: JSON events with call ids, empty messages as pings. */
import type { Client } from '../client.ts';
import type { Wire } from '../wire.ts';

const HANDSHAKE = 1;
const SUBSCRIBE = 2;
const ECHO = 3;
/** `"}}` after the text of a payload. */
const TAIL = 3;
/** `{"event":"#p` begins a publication, `{"rid":` an answer. */
const KIND_AT = 2;
const RESPONSE = 0x72;

export function socketCluster(payloadBytes: number): Wire {
  const textBytes = payloadBytes - 2;
  return {
    name: 'SocketCluster',
    binary: false,
    path: () => '/socketcluster/',
    hello: (client) => client.send(JSON.stringify({ event: '#handshake', data: {}, cid: HANDSHAKE })),
    subscribe: (client, topic) =>
      client.send(JSON.stringify({ event: '#subscribe', data: { channel: topic }, cid: SUBSCRIBE })),
    publish: (topic, payload) => `{"event":"#publish","data":{"channel":"${topic}","data":"${payload}"}}`,
    request: (_topic, payload) => `{"event":"echo","data":"${payload}","cid":${ECHO}}`,
    acknowledged: (_client, topic, payload) =>
      `{"event":"#publish","data":{"channel":"${topic}","data":"${payload}"},"cid":${ECHO}}`,
    read(client: Client, bytes: Buffer, start: number, end: number): void {
      if (end === start) return client.send('');
      if (bytes[start + KIND_AT] === RESPONSE) return answer(client, bytes.toString('latin1', start, end));
      if (bytes.toString('latin1', start, start + 19) === '{"event":"#publish"')
        client.delivered(bytes, end - TAIL - textBytes);
    },
  };
}

function answer(client: Client, text: string): void {
  const { rid, error } = JSON.parse(text) as { rid: number; error?: unknown };
  if (error !== undefined) client.tally.refused += 1;
  if (rid === ECHO) client.answered();
  else client.subscribed();
}

/** The NATS protocol over WebSocket: a byte stream whose messages may share a frame or reach over two. */
import type { Client } from '../client.ts';
import type { Message, Wire } from '../wire.ts';

const LETTER = { M: 0x4d, P: 0x50, I: 0x49, newline: 0x0a } as const;
const CONNECT = { verbose: false, pedantic: false, lang: 'bench', version: '1', protocol: 1, echo: true };

export function nats(payloadBytes: number): Wire {
  const size = payloadBytes;
  return {
    name: 'NATS',
    binary: true,
    path: () => '/',
    hello: (client) => client.send(`CONNECT ${JSON.stringify(CONNECT)}\r\nPING\r\n`),
    subscribe: (client, topic) => client.send(`SUB ${topic} 1\r\nPING\r\n`),
    publish: (topic, payload) => publication(topic, payload),
    // Answered by the PONG: the publication has been processed.
    request: (topic, payload) => Buffer.concat([publication(topic, payload), Buffer.from('PING\r\n')]),
    // Processed, but not stored anywhere.
    acknowledged: (_client, topic, payload) => Buffer.concat([publication(topic, payload), Buffer.from('PING\r\n')]),
    read(client: Client, bytes: Buffer, start: number, end: number): void {
      if (client.rest === null) return keep(client, bytes, walk(client, bytes, start, end, size), end);
      const joined = Buffer.concat([client.rest, bytes.subarray(start, end)]);
      client.rest = null;
      keep(client, joined, walk(client, joined, 0, joined.byteLength, size), joined.byteLength);
    },
  };
}

function publication(topic: string, payload: string): Buffer {
  return Buffer.from(`PUB ${topic} ${payload.length + 2}\r\n"${payload}"\r\n`);
}

function keep(client: Client, bytes: Buffer, used: number, end: number): void {
  if (used < end) client.rest = Buffer.from(bytes.subarray(used, end));
}

/** Returns where the first incomplete message begins. */
function walk(client: Client, bytes: Buffer, start: number, end: number, size: number): number {
  let at = start;
  while (at < end) {
    const line = bytes.indexOf(LETTER.newline, at);
    if (line === -1 || line >= end) return at;
    if (bytes[at] === LETTER.M) {
      const next = line + 1 + size + 2;
      if (next > end) return at;
      client.delivered(bytes, line + 2);
      at = next;
      continue;
    }
    command(client, bytes, at);
    at = line + 1;
  }
  return end;
}

function command(client: Client, bytes: Buffer, at: number): void {
  if (bytes[at] !== LETTER.P) return;
  if (bytes[at + 1] === LETTER.I) return client.send('PONG\r\n' satisfies Message);
  if (client.onAnswer === null) client.subscribed();
  else client.answered();
}

/**
 * NATS JetStream over WebSocket: a publication names the subject of its answer, and is answered when the stream has stored
 * it. Subscribers listen to the subject itself, which is the cheapest way: no consumer, no acknowledgement of theirs.
 */
import type { Client } from '../client.ts';
import type { Wire } from '../wire.ts';

const NEWLINE = 0x0a;
const SPACE = 0x20;
const ZERO = 0x30;
const P = 0x50;
const I = 0x49;
const M = 0x4d;
/** `MSG ` */
const SUBJECT_AT = 4;
const UNDERSCORE = 0x5f;
const CONNECT = { verbose: false, pedantic: false, lang: 'bench', version: '1', protocol: 1, echo: true };

export function jetStream(): Wire {
  const inboxes = new WeakMap<Client, string>();
  let clients = 0;
  return {
    name: 'NATS JetStream',
    binary: true,
    path: () => '/',
    hello: (client) => {
      clients += 1;
      const inbox = `_INBOX.${clients}`;
      inboxes.set(client, inbox);
      client.send(`CONNECT ${JSON.stringify(CONNECT)}\r\nSUB ${inbox} 2\r\nPING\r\n`);
    },
    subscribe: (client, topic) => client.send(`SUB ${topic} 1\r\nPING\r\n`),
    publish: (topic, payload) => `PUB ${topic} ${payload.length + 2}\r\n"${payload}"\r\n`,
    request: (topic, payload) => `PUB ${topic} ${payload.length + 2}\r\n"${payload}"\r\n`,
    acknowledged: (client, topic, payload) =>
      `PUB ${topic} ${inboxes.get(client) ?? ''} ${payload.length + 2}\r\n"${payload}"\r\n`,
    read(client: Client, bytes: Buffer, start: number, end: number): void {
      if (client.rest === null) return keep(client, bytes, walk(client, bytes, start, end), end);
      const joined = Buffer.concat([client.rest, bytes.subarray(start, end)]);
      client.rest = null;
      keep(client, joined, walk(client, joined, 0, joined.byteLength), joined.byteLength);
    },
  };
}

function keep(client: Client, bytes: Buffer, used: number, end: number): void {
  if (used < end) client.rest = Buffer.from(bytes.subarray(used, end));
}

/** Returns where the first incomplete message begins. */
function walk(client: Client, bytes: Buffer, start: number, end: number): number {
  let at = start;
  while (at < end) {
    const line = bytes.indexOf(NEWLINE, at);
    if (line === -1 || line >= end) return at;
    if (bytes[at] !== M) {
      command(client, bytes, at);
      at = line + 1;
      continue;
    }
    // MSG <subject> <subscription> [<subject of the answer>] <size>
    const next = line + 1 + sizeBefore(bytes, line - 2) + 2;
    if (next > end) return at;
    if (bytes[at + SUBJECT_AT] === UNDERSCORE) answer(client, bytes, line + 1, next);
    else client.delivered(bytes, line + 2);
    at = next;
  }
  return end;
}

/** The number whose last digit stands there. */
function sizeBefore(bytes: Buffer, last: number): number {
  let value = 0;
  for (let at = last, scale = 1; bytes[at] !== SPACE; at -= 1, scale *= 10)
    value += ((bytes[at] as number) - ZERO) * scale;
  return value;
}

/** `{"stream":"BENCH","seq":1}`, or `{"error":…` */
function answer(client: Client, bytes: Buffer, start: number, end: number): void {
  if (bytes.toString('latin1', start, Math.min(end, start + 8)) === '{"error"') client.tally.refused += 1;
  client.answered();
}

function command(client: Client, bytes: Buffer, at: number): void {
  if (bytes[at] !== P) return;
  if (bytes[at + 1] === I) client.send('PONG\r\n');
  else client.subscribed();
}

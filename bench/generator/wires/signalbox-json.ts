/** Signalbox in JSON. Frames are told apart by the first letter of their type; payloads stand at their end. */
import type { Client } from '../client.ts';
import { EventSocket } from '../event-socket.ts';
import type { Wire } from '../wire.ts';

/** `{"type":"` */
const TYPE_AT = 9;
const QUOTE = 0x22;
const OPEN = 0x5b;
const COMMA = 0x2c;
const LETTER = { A: 0x41, B: 0x42, E: 0x45, G: 0x47, S: 0x53 } as const;
/** `"}}` after the text of a payload. */
const TAIL = 3;
/** `,"replayed":true` before the last two braces. */
const REPLAYED = 16;

export function signalboxJson(payloadBytes: number, batching: boolean): Wire {
  const textBytes = payloadBytes - 2;
  const suffix = batching ? '&batch=1' : '';
  /** Length of the publication frames seen last, which changes only with the digits of the sequence. */
  let learned = 0;

  function publication(client: Client, bytes: Buffer, end: number): void {
    const isReplayed = bytes[end - TAIL] !== QUOTE;
    client.delivered(bytes, end - TAIL - textBytes - (isReplayed ? REPLAYED : 0));
  }

  function batch(client: Client, bytes: Buffer, start: number, end: number): void {
    for (let at = start + 1; at < end;) {
      if (learned === 0 || at + learned > end - 1 || !isBoundary(bytes, at + learned, end))
        learned = measure(bytes, at, end);
      at += learned;
      publication(client, bytes, at);
      at += 1;
    }
  }

  return {
    name: batching ? 'JSON, batching' : 'JSON',
    binary: false,
    path: (_topic, _role, token) => `/ws?token=${token}&format=json${suffix}`,
    subscribe: (client, topic) => client.send(subscribeFrame(client, topic)),
    publish: (topic, payload) => broadcast(topic, payload),
    request: (topic, payload) => broadcast(topic, payload),
    acknowledged: (_client, topic, payload) => broadcast(topic, payload),
    read(client: Client, bytes: Buffer, start: number, end: number): void {
      if (bytes[start] === OPEN) batch(client, bytes, start, end);
      else if (bytes[start + TYPE_AT] === LETTER.B) publication(client, bytes, end);
      else control(client, bytes, start, end);
    },
  };
}

/** The same frames as events of a stream, for those who only listen. */
export function signalboxEvents(payloadBytes: number): Wire {
  const frames = signalboxJson(payloadBytes, false);
  return {
    ...frames,
    name: 'JSON, SSE',
    path: (topic, role, token) =>
      role === 'subscriber' ? `/sse?topics=${topic}&token=${token}` : frames.path(topic, role, token),
    open: (options) => EventSocket.open(options),
    subscribe: (client) => {
      // The stream has subscribed by itself, perhaps before it was asked.
      if (client.epoch !== '') client.subscribed();
    },
  };
}

function subscribeFrame(client: Client, topic: string): string {
  const entry = client.epoch === '' ? topic : { topic, epoch: client.epoch, sequence: client.sequence };
  return JSON.stringify({ type: 'Subscribe', id: 's', data: { topics: [entry] } });
}

function broadcast(topic: string, payload: string): string {
  return `{"type":"Broadcast","id":"p","data":{"topic":"${topic}","payload":"${payload}"}}`;
}

function isBoundary(bytes: Buffer, at: number, end: number): boolean {
  const isLast = at === end - 1;
  return (
    bytes[at - 1] === 0x7d && bytes[at - 2] === 0x7d && (isLast || (bytes[at] === COMMA && bytes[at + 1] === 0x7b))
  );
}

function measure(bytes: Buffer, at: number, end: number): number {
  const next = bytes.indexOf('}},{"type":"', at, 'latin1');
  return (next === -1 || next >= end ? end - 1 : next + 2) - at;
}

/** Everything that is not a publication, which is rare: read as JSON. */
function control(client: Client, bytes: Buffer, start: number, end: number): void {
  if (bytes[start + TYPE_AT] === LETTER.A) return client.answered();
  readControl(client, JSON.parse(bytes.toString('utf8', start, end)) as ControlFrame);
}

export interface ControlFrame {
  readonly type: string;
  readonly data: {
    readonly status?: string;
    readonly reason?: string;
    readonly count?: number;
    readonly details?: {
      readonly positions?: Readonly<Record<string, { readonly epoch: string; readonly sequence: number }>>;
      readonly rejected?: readonly unknown[];
    };
  };
}

export function readControl(client: Client, { type, data }: ControlFrame): void {
  if (type === 'Gap') {
    client.tally.gaps += 1;
    client.tally.announced += data.count ?? 0;
  } else if (type === 'Error') {
    client.tally.refused += 1;
  } else if (data.status === 'subscribed') {
    if ((data.details?.rejected?.length ?? 0) > 0) client.tally.refused += 1;
    const position = data.details?.positions?.[client.topic];
    if (position !== undefined) client.epoch = position.epoch;
    client.subscribed();
  }
}

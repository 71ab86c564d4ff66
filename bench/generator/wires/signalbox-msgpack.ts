/** Signalbox in MessagePack. */
import { pack, unpack } from 'msgpackr';
import type { Client } from '../client.ts';
import type { Wire } from '../wire.ts';
import { readControl, type ControlFrame } from './signalbox-json.ts';

/** Map header, `type` with its header, the header of the type's name. */
const TYPE_AT = 7;
const ACK = 0x41;
const BROADCAST = 0x42;
/** An array with a count of 32 bits: a batch. */
const ARRAY_32 = 0xdd;
const BATCH_HEADER = 5;
const TYPE_KEY = Buffer.from('\u00a4type\u00a9Broadcast', 'latin1');
/** `replayed` with its header, and `true`, after the payload. */
const REPLAYED = 10;
const TRUE = 0xc3;

export function signalboxMsgpack(payloadBytes: number, batching: boolean): Wire {
  const textBytes = payloadBytes - 2;
  const suffix = batching ? '&batch=1' : '';
  let learned = 0;

  function publication(client: Client, bytes: Buffer, end: number): void {
    const isReplayed = bytes[end - 1] === TRUE;
    client.delivered(bytes, end - textBytes - (isReplayed ? REPLAYED : 0));
  }

  function batch(client: Client, bytes: Buffer, start: number, end: number): void {
    for (let at = start + BATCH_HEADER; at < end;) {
      if (learned === 0 || !isBoundary(bytes, at + learned, end)) learned = measure(bytes, at, end);
      at += learned;
      publication(client, bytes, at);
    }
  }

  return {
    name: batching ? 'MessagePack, batching' : 'MessagePack',
    binary: true,
    path: (_topic, _role, token) => `/ws?token=${token}&format=msgpack${suffix}`,
    subscribe(client: Client, topic: string): void {
      const entry = client.epoch === '' ? topic : { topic, epoch: client.epoch, sequence: client.sequence };
      client.send(pack({ type: 'Subscribe', id: 's', data: { topics: [entry] } }));
    },
    publish: (topic, payload) => pack({ type: 'Broadcast', id: 'p', data: { topic, payload } }),
    request: (topic, payload) => pack({ type: 'Broadcast', id: 'p', data: { topic, payload } }),
    acknowledged: (_client, topic, payload) => pack({ type: 'Broadcast', id: 'p', data: { topic, payload } }),
    read(client: Client, bytes: Buffer, start: number, end: number): void {
      if (bytes[start] === ARRAY_32) batch(client, bytes, start, end);
      else if (bytes[start + TYPE_AT] === BROADCAST) publication(client, bytes, end);
      else if (bytes[start + TYPE_AT] === ACK && bytes[start + TYPE_AT + 1] === 0x63) client.answered();
      else readControl(client, unpack(bytes.subarray(start, end)) as ControlFrame);
    },
  };
}

function isBoundary(bytes: Buffer, at: number, end: number): boolean {
  return at === end || (at + TYPE_AT < end && bytes[at + 1] === 0xa4 && bytes[at + TYPE_AT] === BROADCAST);
}

function measure(bytes: Buffer, at: number, end: number): number {
  const next = bytes.indexOf(TYPE_KEY, at + TYPE_AT);
  return (next === -1 || next >= end ? end : next - 1) - at;
}

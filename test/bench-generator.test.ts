/** The generator of the benchmarks must see what went wrong: a figure with a loss that nobody noticed is worse than none. */
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { WebSocketServer, type WebSocket } from 'ws';
import { Client } from '../bench/generator/client.ts';
import { Publisher } from '../bench/generator/publisher.ts';
import { payloadText, STAMP_MARK, writeStamp } from '../bench/generator/stamp.ts';
import { Tally } from '../bench/generator/tally.ts';
import { rawWire } from '../bench/generator/wires/raw.ts';
import { signalboxJson } from '../bench/generator/wires/signalbox-json.ts';
import { signalboxMsgpack } from '../bench/generator/wires/signalbox-msgpack.ts';
import type { Wire } from '../bench/generator/wire.ts';
import type { Codec } from '../src/protocol/codec.ts';
import { json } from '../src/protocol/json.ts';
import { msgpack } from '../src/protocol/msgpack.ts';

const PAYLOAD = 128;
let server: WebSocketServer | null = null;

afterEach(() => {
  for (const socket of server?.clients ?? []) socket.terminate();
  server?.close();
  server = null;
});

/** A server of the raw wire that sends each publication as often as it is told to. */
async function flawedServer(copies: (count: number) => number): Promise<number> {
  const subscribers: WebSocket[] = [];
  let count = 0;
  server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  server.on('connection', (socket) => {
    socket.on('message', (data: Buffer) => {
      if (data[0] === 0x53) {
        subscribers.push(socket);
        socket.send('s');
        return;
      }
      count += 1;
      const payload = data.subarray(data.indexOf(0x20) + 1);
      for (const each of subscribers) for (let copy = copies(count); copy > 0; copy -= 1) each.send(payload);
    });
  });
  await new Promise((resolve) => {
    server?.once('listening', resolve);
  });
  return (server.address() as AddressInfo).port;
}

async function publishTo(port: number, count: number, arrivals: number): Promise<Tally> {
  const tally = new Tally();
  const common = { port, wire: rawWire, topic: 'a', token: '', tally };
  const subscriber = await Client.open({ ...common, role: 'subscriber' });
  const client = await Client.open({ ...common, role: 'publisher' });
  const publisher = new Publisher({
    client,
    tally,
    wire: rawWire,
    topics: ['a'],
    subscribersPerTopic: 1,
    payloadBytes: PAYLOAD,
  });
  await new Promise<void>((resolve) => {
    tally.wakeAt = arrivals;
    tally.wake = resolve;
    publisher.publish(count);
  });
  subscriber.destroy();
  client.destroy();
  return tally;
}

describe('the generator', () => {
  test('finds nothing wrong where nothing is', async () => {
    const tally = await publishTo(await flawedServer(() => 1), 40, 40);
    expect(tally).toMatchObject({ received: 40, missing: 0, duplicates: 0, faults: 0 });
  });

  test('counts what is missing', async () => {
    const port = await flawedServer((count) => (count % 10 === 5 ? 0 : 1));
    expect(await publishTo(port, 40, 36)).toMatchObject({ received: 36, missing: 4, faults: 4 });
  });

  test('counts what comes twice', async () => {
    const port = await flawedServer((count) => (count % 10 === 5 ? 2 : 1));
    expect(await publishTo(port, 40, 44)).toMatchObject({ received: 44, duplicates: 4, faults: 4 });
  });
});

describe.each<[Codec, (batching: boolean) => Wire]>([
  [json, (batching) => signalboxJson(PAYLOAD, batching)],
  [msgpack, (batching) => signalboxMsgpack(PAYLOAD, batching)],
])('the wire of Signalbox in $name', (codec, wireOf) => {
  const frames = Array.from({ length: 1_200 }, (_, at) => stampedFrame(at + 1));

  function stampedFrame(sequence: number): Buffer {
    const frame = codec.publication({
      topic: 'bench.0',
      id: `1763784000123-${sequence}-abcdef`,
      position: { epoch: 'abcdefghijkl', sequence },
      from: 'bench',
      clientId: 'p',
      trace: undefined,
      payload: JSON.stringify(payloadText(PAYLOAD)),
      timestamp: 1_763_784_000_123,
    });
    const bytes = Buffer.from(frame as string | Uint8Array<ArrayBuffer>);
    writeStamp(bytes, bytes.indexOf(STAMP_MARK), sequence, sequence);
    return bytes;
  }

  function read(messages: readonly Uint8Array[], batching: boolean): Tally {
    const tally = new Tally();
    const client = new Client({
      port: 0,
      wire: wireOf(batching),
      topic: 'bench.0',
      token: '',
      tally,
      role: 'subscriber',
    });
    for (const message of messages) {
      // As in a read buffer: not at its start, and what an earlier read has left comes after it.
      const bytes = Buffer.concat([Buffer.from('....'), message, stampedFrame(1).subarray(1)]);
      client.wire.read(client, bytes, 4, 4 + message.byteLength);
    }
    return tally;
  }

  test('finds every publication, whatever its sequence makes of its length', () => {
    expect(read(frames, false)).toMatchObject({ received: 1_200, faults: 0 });
  });

  test('finds those that are replayed', () => {
    expect(
      read(
        frames.map((frame) => codec.replayed(frame)),
        false,
      ),
    ).toMatchObject({ received: 1_200, faults: 0 });
  });

  test.each([1, 2, 7, 64])('finds every publication in batches of %i', (size) => {
    const batches = [];
    for (let at = 0; at < frames.length; at += size) batches.push(codec.join(frames.slice(at, at + size)));
    expect(read(batches, true)).toMatchObject({ received: 1_200, faults: 0 });
  });

  test('finds every publication in batches that are replayed', () => {
    const replayed = frames.map((frame) => codec.replayed(frame));
    expect(read([codec.join(replayed.slice(0, 500)), codec.join(replayed.slice(500))], true)).toMatchObject({
      received: 1_200,
      faults: 0,
    });
  });

  test('notices one that is missing in a batch', () => {
    const holed = frames.filter((_, at) => at !== 100);
    expect(read([codec.join(holed)], true)).toMatchObject({ received: 1_199, missing: 1, faults: 1 });
  });
});

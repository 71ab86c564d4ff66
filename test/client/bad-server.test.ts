/** A server that answers garbage, half a protocol, or too much: the client says so, comes back, and keeps what it has. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { WebSocketServer, type WebSocket } from 'ws';
import { createClient, type Client, type ClientOptions } from '../../src/client/index.ts';
import { msgpack } from '../../src/client/msgpack/index.ts';
import { eventually, within } from '../harness/deadline.ts';
import { Reading } from './rig.ts';
import { nothingUnhandled } from './unhandled.ts';
import { historyOf } from '../../src/client/history/index.ts';

nothingUnhandled();

interface Asked {
  readonly type: string;
  readonly id: string;
  readonly data: { readonly topics?: readonly (string | { readonly topic: string })[]; readonly topic?: string };
}

type Answer = (socket: WebSocket, frame: Asked) => void;

const GREETING = {
  connection_id: 'c',
  session_id: 's',
  node: 'n',
  server_time: Date.now(),
  mode: 'running',
  heartbeat_interval_ms: 20_000,
  max_message_size: 65_536,
  token_expires_at: null,
  limits: {},
  features: [],
};

const write = (socket: WebSocket, frame: unknown): void =>
  socket.send(typeof frame === 'string' ? frame : JSON.stringify(frame));
const status = (name: string, details: unknown, id?: string): object => ({
  type: 'Status',
  ...(id === undefined ? {} : { reply_to: id }),
  data: { status: name, details },
});

/** As a server should: everything is subscribed at once, everything is stored. */
const GOOD: Answer = (socket, { type, id, data }) => {
  const topics = (data.topics ?? []).map((entry) => (typeof entry === 'string' ? entry : entry.topic));
  const positions = Object.fromEntries(topics.map((topic) => [topic, { epoch: 'e', sequence: 0 }]));
  if (type === 'Subscribe') write(socket, status('subscribed', { topics, positions, recovery: {}, rejected: [] }, id));
  else if (type === 'Broadcast')
    write(socket, {
      type: 'Ack',
      reply_to: id,
      data: { status: 'delivered', id: 'm', topic: data.topic, epoch: 'e', sequence: 1, recipients: 0 },
    });
};

/** A server whose first connection goes wrong, and all later ones well. */
class Odd {
  connections = 0;
  readonly server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: ([first]) => first ?? false });
  private readonly listening = once(this.server, 'listening');
  private readonly bad: { readonly greet: (socket: WebSocket) => void; readonly answer: Answer };

  constructor(bad: { readonly greet?: (socket: WebSocket) => void; readonly answer?: Answer }) {
    const greet = (socket: WebSocket): void => write(socket, status('connected', GREETING));
    this.bad = { greet, answer: GOOD, ...bad };
    this.server.on('connection', (socket) => {
      this.connections += 1;
      const { greet: first, answer } = this.connections === 1 ? this.bad : { greet, answer: GOOD };
      socket.on('message', (data: Buffer) => answer(socket, JSON.parse(data.toString()) as Asked));
      socket.on('error', () => {});
      first(socket);
    });
    onTestFinished(() => {
      for (const socket of this.server.clients) socket.terminate();
      this.server.close();
    });
  }

  client(options: Partial<ClientOptions> = {}): Client {
    const url = async (): Promise<string> => {
      await this.listening;
      return `ws://127.0.0.1:${(this.server.address() as AddressInfo).port}/ws`;
    };
    const client = createClient({ url, backoff: { minMs: 5, maxMs: 10 }, ...options });
    onTestFinished(() => client.close());
    return client;
  }
}

function errorsOf(client: Client): number[] {
  const codes: number[] = [];
  client.on('error', ({ code }) => codes.push(code));
  return codes;
}

/** What no frame of the protocol looks like. */
const GARBAGE: [string, unknown][] = [
  ['an empty text', ''],
  ['a page', '<!doctype html><title>502</title>'],
  ['half of a frame', '{"type":"Status","data":{"status":"conn'],
  ['null', 'null'],
  ['a number', '5'],
  ['a text', '"Status"'],
  ['frames that are null', '[null,null]'],
  ['an array in an array', '[[1]]'],
  ['a frame without data', { type: 'Status' }],
  ['a frame whose data is null', { type: 'Status', data: null }],
  ['a greeting without details', { type: 'Status', data: { status: 'connected' } }],
  ['a greeting without limits', status('connected', { ...GREETING, limits: undefined })],
  ['a publication whose data is null', { type: 'Broadcast', data: null }],
  ['10 MB of nothing', 'x'.repeat(10_000_000)],
  ['a megabyte of brackets', '['.repeat(1_000_000)],
];

describe('garbage', () => {
  test.each(GARBAGE)(
    '%s instead of a greeting: told as 1002, and the next connection serves',
    async (_name, garbage) => {
      const odd = new Odd({ greet: (socket) => write(socket, garbage) });
      const client = odd.client();
      const codes = errorsOf(client);
      const [reading, receipt] = [new Reading(client.topic('chat.42')), client.topic('chat.42').publish('kept')];
      expect(await within(receipt, 'the receipt')).toMatchObject({ sequence: 1 });
      await reading.live();
      expect([odd.connections, codes]).toEqual([2, [1002]]);
    },
  );

  test.each(GARBAGE)(
    '%s in the middle: told as 1002, the topic goes on, the publish is sent again',
    async (_name, garbage) => {
      const odd = new Odd({
        answer: (socket, frame) => (frame.type === 'Broadcast' ? write(socket, garbage) : GOOD(socket, frame)),
      });
      const client = odd.client();
      const codes = errorsOf(client);
      const reading = new Reading(client.topic('chat.42'));
      await reading.live();
      expect(await within(client.topic('chat.42').publish('kept'), 'the receipt')).toMatchObject({ sequence: 1 });
      await eventually(() => reading.kinds.length === 2, 'live again');
      expect([odd.connections, codes, reading.kinds]).toEqual([2, [1002], ['live', 'live']]);
    },
  );

  test.each([
    ['bytes', Buffer.from([0xc1, 0xff, 0x00])],
    ['bytes that claim to be 4 GB', Buffer.from([0xdb, 0xff, 0xff, 0xff, 0xff, 0x41])],
    ['bytes that claim to be 4 billion values', Buffer.from([0xdd, 0xff, 0xff, 0xff, 0xff, 0xc0])],
    ['bytes nested without end', Buffer.alloc(100_000, 0x91)],
    ['nothing', Buffer.alloc(0)],
  ])('MessagePack: %s instead of a greeting', async (_name, bytes) => {
    const odd = new Odd({ greet: (socket) => socket.send(bytes) });
    const client = odd.client({ codec: msgpack, connect: 'now' });
    const codes = errorsOf(client);
    await eventually(() => codes.length > 0, 'the error');
    expect(new Set(codes)).toEqual(new Set([1002]));
  });
});

describe('half a protocol', () => {
  const answers: [string, (id: string) => unknown][] = [
    ['without positions', (id) => status('subscribed', { topics: ['chat.42'], rejected: [] }, id)],
    ['without lists', (id) => status('subscribed', {}, id)],
    ['without details', (id) => ({ type: 'Status', reply_to: id, data: { status: 'subscribed' } })],
    [
      'with names for others',
      (id) => status('subscribed', { topics: 5, positions: {}, recovery: {}, rejected: null }, id),
    ],
    ['with an error that says nothing', (id) => ({ type: 'Error', reply_to: id, data: null })],
  ];

  test.each(answers)('an answer to Subscribe %s: told as 1002, and asked again', async (_name, answer) => {
    const odd = new Odd({
      answer: (socket, frame) => (frame.type === 'Subscribe' ? write(socket, answer(frame.id)) : GOOD(socket, frame)),
    });
    const client = odd.client();
    const codes = errorsOf(client);
    const reading = new Reading(client.topic('chat.42'));
    await reading.live();
    expect([odd.connections, codes]).toEqual([2, [1002]]);
  });

  test.each<[string, unknown]>([
    ['a sequence that is a text', { topic: 'chat.42', payload: 1, epoch: 'e', sequence: 'x' }],
    ['a hole', { topic: 'chat.42', payload: 1, epoch: 'e', sequence: 7 }],
    ['a topic that nobody asked for', { topic: 'chat.1', payload: 1, epoch: 'e', sequence: 1 }],
    ['no topic', { payload: 1 }],
  ])('a publication with %s is not shown; the next one is', async (_name, data) => {
    const good = { topic: 'chat.42', payload: 'good', from: 'bob', epoch: 'e', sequence: 1 };
    const odd = new Odd({
      answer: (socket, frame) => {
        GOOD(socket, frame);
        if (frame.type === 'Subscribe')
          for (const each of [data, good]) write(socket, { type: 'Broadcast', data: each });
      },
    });
    const client = odd.client();
    const reading = new Reading(client.topic('chat.42'));
    await reading.live();
    // After a hole the topic is asked for again.
    await Promise.race([reading.count(1), eventually(() => reading.kinds.length >= 2, 'live again')]);
    expect(reading.payloads.every((payload) => payload === 'good')).toBe(true);
    expect(client.state.status).toBe('connected');
  });

  test('answers to what nobody asked, unknown frames and unknown states are passed over', async () => {
    const odd = new Odd({
      greet: (socket) => {
        write(socket, status('connected', GREETING));
        for (const frame of [
          { type: 'Ack', reply_to: 'nobody', data: {} },
          { type: 'Error', data: { code: 400, reason: 'malformed', message: 'x' } },
          { type: 'Tomorrow', data: { a: 1 } },
          status('tomorrow', {}),
          status('draining', {}),
          { type: 'Gap', data: { topic: 'chat.1', cause: 'tomorrow' } },
        ])
          write(socket, frame);
      },
    });
    const client = odd.client();
    const reading = new Reading(client.topic('chat.42'));
    expect(await within(client.topic('chat.42').publish(1), 'the receipt')).toMatchObject({ sequence: 1 });
    await reading.live();
  });

  test('a server that accepts and never speaks is left after 10 s', async () => {
    const odd = new Odd({ greet: () => {}, answer: () => {} });
    // The first one is for the function that answers the URL.
    let deadlines = 0;
    const client = odd.client({
      environment: {
        after: (ms, work) => {
          if (ms === 10_000) deadlines += 1;
          const timer = setTimeout(work, ms === 10_000 && deadlines === 2 ? 50 : ms);
          return () => clearTimeout(timer);
        },
      },
    });
    expect(await within(client.topic('chat.42').publish(1), 'the receipt')).toMatchObject({ sequence: 1 });
    expect(odd.connections).toBe(2);
  });

  test('a server that speaks another subprotocol, or closes at once', async () => {
    const odd = new Odd({ greet: (socket) => socket.close(1011, 'no') });
    const client = odd.client();
    expect(await within(client.topic('chat.42').publish(1), 'the receipt')).toMatchObject({ sequence: 1 });
    expect(odd.connections).toBe(2);
  });

  test('requests and pages that get nothing in return are settled when the connection goes', async () => {
    const odd = new Odd({ answer: (socket, { type }) => type === 'History' && socket.terminate() });
    const client = odd.client();
    client.topic('chat.42').on({ message: () => {}, gap: () => {} });
    const request = client.request('X-Vote').catch((error: { reason: string }) => error.reason);
    await once(odd.server, 'connection');
    const page = historyOf(client.topic('chat.42'))
      .next()
      .catch((error: { reason: string }) => error.reason);
    expect(await within(request, 'the end of the request')).toBe('outcome_unknown');
    await client.close();
    expect(await within(page, 'the end of the page')).toBe('closed');
  });
});

test('10 MB in one message arrive, and a reader that is slow keeps one of them', async () => {
  const payload = 'x'.repeat(10_000_000);
  const odd = new Odd({
    answer: (socket, frame) => {
      GOOD(socket, frame);
      if (frame.type !== 'Subscribe') return;
      for (const sequence of [1, 2])
        write(socket, { type: 'Broadcast', data: { topic: 'chat.42', payload, from: 'bob', epoch: 'e', sequence } });
    },
  });
  const client = odd.client();
  const lengths: number[] = [];
  client
    .topic<string>('chat.42')
    .on({ message: ({ payload }) => lengths.push((payload as string).length), gap: () => lengths.push(0) });
  await eventually(() => lengths.length >= 2, 'both messages');
  expect(lengths).toEqual([10_000_000, 10_000_000]);
});

/** What users of other libraries complain about (docs/client-complaints.md), where no other test shows the answer. */
import { readFileSync } from 'node:fs';
import { describe, expect, expectTypeOf, test, vi } from 'vitest';
import type { Topic } from '../../src/client/index.ts';
import { createClient } from '../../src/client/index.ts';
import { standardEnvironment } from '../../src/client/environment.ts';
import { collect, rig } from '../../src/client/test-rig.ts';
import { TestServer } from '../../src/client/testing/index.ts';

const ROOT = new URL('../../', import.meta.url);
const PAGE = readFileSync(new URL('docs/client-complaints.md', ROOT), 'utf8');
const COUNT = 61;

interface Row {
  readonly number: number;
  readonly answer: string;
  readonly proofs: readonly { readonly file: string; readonly name: string }[];
}

const ROWS: readonly Row[] = [...PAGE.matchAll(/^\| (\d+) \| (.*?) \| (.*?) \| (.*) \|$/gm)].map(
  ([, number, , answer = '', shown = '']) => ({
    number: Number(number),
    answer,
    proofs: [...shown.matchAll(/`((?:test|src)\/[\w./-]+\.ts)`: “(.*?)”/g)].map(([, file = '', name = '']) => ({
      file,
      name,
    })),
  }),
);

describe('the page', () => {
  test('has every complaint of the study, once and in its order', () => {
    expect(ROWS.map(({ number }) => number)).toEqual(Array.from({ length: COUNT }, (_, at) => at + 1));
  });

  test('each is answered and shown by a test, or says why not', () => {
    const unanswered = ROWS.filter(
      ({ answer, proofs }) => answer.length < 20 || (proofs.length === 0 && !answer.startsWith('Not ')),
    );
    expect(unanswered).toEqual([]);
  });

  test('the tests that it names are there', () => {
    const missing = ROWS.flatMap(({ number, proofs }) =>
      proofs
        .filter(({ file, name }) => {
          const source = readFileSync(new URL(file, ROOT), 'utf8');
          return !source.includes(`'${name.replaceAll("'", "\\'")}'`) && !source.includes(`"${name}"`);
        })
        .map(({ file, name }) => `${number}: ${file}: ${name}`),
    );
    expect(missing).toEqual([]);
  });
});

test('4: a publish on a connection leaves in the same turn, without a timer', async () => {
  const server = new TestServer();
  const sent: unknown[] = [];
  const { client, pass } = rig({
    environment: {
      ...server.environment,
      open: (url, protocols) => {
        const socket = server.environment.open(url, protocols);
        const send = socket.send.bind(socket);
        socket.send = (data) => {
          sent.push(data);
          send(data);
        };
        return socket;
      },
    },
  });
  collect(client.topic('a'));
  await Promise.all([pass(100), server.clock.advance(100)]);
  const before = sent.length;
  void client.topic('a').publish('now');
  expect(sent.length).toBe(before + 1);
});

test('6: it never gives up by count', async () => {
  const { client, server, pass } = rig();
  server.refuse(1006, 'internal', 200);
  const items = collect(client.topic('a'));
  await pass(200 * 30_000);
  expect([items, client.state.status]).toEqual([['live'], 'connected']);
  expect(server.sockets.length).toBe(201);
});

test('15: with a clock that is years off tokens are asked for as often as with a right one', async () => {
  for (const off of [-3e11, 0, 3e11]) {
    const server = new TestServer({ tokenMs: 100_000 });
    const asked: string[] = [];
    const client = createClient({
      url: 'ws://test/ws',
      environment: { ...server.environment, now: () => server.clock.now + off },
      token: ({ reason }) => {
        asked.push(reason);
        return 'token';
      },
    });
    collect(client.topic('a'));
    await server.clock.advance(350_000);
    expect([off, asked]).toEqual([off, ['connect', 'expiring', 'expiring', 'expiring', 'expiring']]);
    await client.close();
  }
});

test('16: a timer that is longer than timers can be does not fire at once', () => {
  vi.useFakeTimers();
  try {
    let fired = 0;
    const cancel = standardEnvironment().after(2 ** 40, () => (fired += 1));
    vi.advanceTimersByTime(86_400_000);
    expect(fired).toBe(0);
    cancel();
    expect(vi.getTimerCount()).toBe(0);
  } finally {
    vi.useRealTimers();
  }
});

test('21: an answer that lies in the next turn of a page that was frozen counts', async () => {
  const { client, server, pass } = rig({ server: { latencyMs: 500 } });
  collect(client.topic('a'));
  await pass(5_000);
  // It comes in the same millisecond as the deadline, which was set before.
  const receipt = client.topic('a').publish('x', { deadlineMs: 1_000 });
  await pass(1_000);
  await expect(receipt).resolves.toMatchObject({ sequence: 1 });
  expect(server.head('a')).toBe(1);
});

test('28: a topic resumes from where it was subscribed, also when it has never brought a message', async () => {
  const { client, server, pass } = rig();
  const items = collect(client.topic('a'));
  await pass(100);
  for (const text of ['one', 'two']) {
    server.away();
    server.publish('a', text);
    await pass(1_000);
    server.away(false);
    await pass(30_000);
  }
  expect(items.filter((text) => text !== 'live')).toEqual(['one', 'two']);
});

test('42: payloads are typed by the name of their topic', () => {
  interface Line {
    readonly text: string;
  }
  const client = createClient<{ news: number; [chat: `chat.${string}`]: Line }>({ url: 'ws://test/ws' });
  const [news, chat, other] = [client.topic('news'), client.topic('chat.42'), client.topic('other')];
  const payloadOf = <P>(_topic: Topic<P>): P[] => [];
  expectTypeOf(payloadOf(news)).toEqualTypeOf<number[]>();
  expectTypeOf(payloadOf(chat)).toEqualTypeOf<Line[]>();
  expectTypeOf(payloadOf(other)).toEqualTypeOf<unknown[]>();
  // @ts-expect-error a text is no line
  const wrong = (): Promise<unknown> => chat.publish('text');
  expect(wrong).toBeTypeOf('function');
});

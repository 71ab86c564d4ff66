/** Asking for what was missed and for history: docs/protocol.md, `GetMissedMessages`, `History`, sessions. */
import { describe, expect, test } from 'vitest';
import { connect, type Connection } from './harness/client.ts';
import type { Frame, Position } from './harness/frames.ts';
import { startServer, type TestServer } from './harness/server.ts';

const TOPIC = 'chat.lobby';

interface HistoryPage {
  readonly messages: readonly Frame[];
  readonly complete: boolean;
  readonly next?: Position;
}

function numbers(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, at) => from + at);
}

function publisherOn(server: TestServer): Promise<Connection> {
  return connect(server.port, { user: 'publisher' });
}

function payloadsOf(frames: readonly Frame[]): unknown[] {
  return frames.map(({ data }) => data.payload);
}

describe.each(['json', 'msgpack'] as const)('GetMissedMessages (%s)', (format) => {
  test('by position: exactly what follows, ascending, marked, before the Status that counts them', async () => {
    const server = await startServer();
    const publisher = await publisherOn(server);
    const acks = await publisher.publishAll(TOPIC, numbers(1, 130));
    const epoch = acks[0]?.data.epoch ?? '';
    const reader = await connect(server.port, { format });
    const missed = await reader.missed({ since: { [TOPIC]: { epoch, sequence: 5 } } });
    expect(missed).toEqual({
      count: 125,
      complete: true,
      topics: { [TOPIC]: { epoch, sequence: 130, recovered: true } },
    });
    const frames = await reader.take(125);
    expect(payloadsOf(frames)).toEqual(numbers(6, 130));
    for (const { data, reply_to } of frames) expect([data.replayed, reply_to]).toEqual([true, 'c-1']);
    expect(reader.frames.at(-1)?.type).toBe('Status');
  });

  test('of a live subscription: what is published meanwhile comes after the answer, once', async () => {
    const server = await startServer();
    const publisher = await publisherOn(server);
    const reader = await connect(server.port, { format });
    const { positions } = await reader.subscribe(TOPIC);
    const since = { [TOPIC]: positions[TOPIC] };
    await publisher.publishAll(TOPIC, numbers(1, 150));
    await reader.take(150);
    reader.send('GetMissedMessages', { since }, { id: 'missed' });
    const publishing = publisher.publishAll(TOPIC, numbers(151, 200));
    const status = await reader.replyTo('missed');
    await publishing;
    const frames = await reader.waitFor(({ data }) => data.sequence === 200 && !data.replayed, 'the last one');
    expect(frames.data.payload).toBe(200);
    const end = reader.frames.indexOf(status);
    const after150 = reader.frames.slice(reader.frames.findIndex(({ data }) => data.sequence === 150) + 1);
    const live = after150.filter(({ type, data }) => type === 'Broadcast' && !data.replayed);
    expect(payloadsOf(live)).toEqual(numbers(151, 200));
    const asked = reader.frames.filter(({ reply_to }) => reply_to === 'missed');
    expect(asked.at(-1)).toBe(status);
    const first = asked[0] as Frame;
    // Between the first replayed frame and the Status nothing live of this topic.
    const within = reader.frames.slice(reader.frames.indexOf(first), end);
    expect(within.filter(({ data }) => !data.replayed)).toEqual([]);
  });

  test('by message id: everything after it, and a small overlap at most', async () => {
    const server = await startServer();
    const publisher = await publisherOn(server);
    const reader = await connect(server.port, { format });
    await reader.subscribe(TOPIC, 'chat.quiet');
    await publisher.publishAll(TOPIC, numbers(1, 5));
    const [, , third] = await reader.take(5);
    const missed = await reader.missed({ since: third?.id });
    expect(missed).toMatchObject({ complete: true, topics: { [TOPIC]: { sequence: 5, recovered: true } } });
    const again = payloadsOf(await reader.take(missed.count));
    expect(again.slice(-2)).toEqual([4, 5]);
    expect(again).toEqual(numbers(6 - again.length, 5));
  });

  test('with a session: its topics, without subscribing to them again', async () => {
    const server = await startServer();
    const publisher = await publisherOn(server);
    const before = await connect(server.port, { format });
    await before.subscribe(TOPIC, 'chat.other', '@me');
    await publisher.publish(TOPIC, 'seen');
    const { id } = await before.next('Broadcast');
    await before.drop();
    await publisher.publish(TOPIC, 'missed');
    await publisher.publish('chat.other', 'missed too');
    await publisher.publish('chat.unknown', 'not of the session');
    await publisher.ask('DirectMessage', { target_user: 'alice', payload: 'direct' });
    const after = await connect(server.port, { format });
    const missed = await after.missed({ since: id, session_id: before.connected.session_id });
    expect(Object.keys(missed.topics).sort()).toEqual(['@me', TOPIC, 'chat.other'].sort());
    expect(missed.complete).toBe(true);
    const frames = after.frames.filter(({ type }) => type === 'Broadcast' || type === 'DirectMessage');
    expect(frames).toHaveLength(missed.count);
    expect(payloadsOf(frames)).toEqual(expect.arrayContaining(['missed', 'missed too', 'direct']));
    expect(payloadsOf(frames)).not.toContain('not of the session');
  });
});

describe('sessions', () => {
  test('of a connection that is still there serve as well: an old socket is found dead late', async () => {
    const server = await startServer();
    const publisher = await publisherOn(server);
    const before = await connect(server.port);
    await before.subscribe(TOPIC);
    const { data } = await publisher.publish(TOPIC, 'one');
    const after = await connect(server.port);
    const missed = await after.missed({ since: data.id, session_id: before.connected.session_id });
    expect(missed.topics[TOPIC]?.sequence).toBe(1);
  });

  test('of another user are answered as those that there are not', async () => {
    const server = await startServer();
    const publisher = await publisherOn(server);
    const before = await connect(server.port);
    await before.subscribe(TOPIC);
    const { data } = await publisher.publish(TOPIC, 'one');
    const mallory = await connect(server.port, { user: 'mallory' });
    const ask = (session: string): Promise<Frame> =>
      mallory.ask('GetMissedMessages', { since: data.id, session_id: session });
    const id = before.connected.session_id;
    const absent = id.replace(/^s-./, (head) => (head === 's-A' ? 's-B' : 's-A'));
    const answer = async (session: string): Promise<string> =>
      JSON.stringify((await ask(session)).data).replace(session.slice(0, 20), '');
    const expected = await answer(absent);
    expect(expected).toContain('"code":404');
    expect(await answer(id)).toBe(expected);
    await before.drop();
    expect(await answer(id)).toBe(expected);
  });
});

describe('what cannot be given', () => {
  test('trimmed topics, unknown epochs and forbidden topics are named, one by one', async () => {
    const server = await startServer({ 'topics.history': '10', 'actor_system.mailbox_capacity': '10' });
    const publisher = await publisherOn(server);
    const acks = await publisher.publishAll(TOPIC, numbers(1, 30));
    await publisher.publish('chat.new', 'new');
    const epoch = acks[0]?.data.epoch ?? '';
    const reader = await connect(server.port, { claims: { topics: { subscribe: ['chat.**'] } } });
    const missed = await reader.missed({
      since: {
        [TOPIC]: { epoch, sequence: 2 },
        'chat.new': { epoch: 'of-another-life', sequence: 4 },
        'news.today': { epoch, sequence: 0 },
      },
    });
    expect(missed).toMatchObject({
      count: 11,
      complete: false,
      topics: {
        [TOPIC]: { epoch, sequence: 30, recovered: false, reason: 'trimmed' },
        'chat.new': { sequence: 1, recovered: false, reason: 'unknown_epoch' },
        'news.today': { recovered: false, reason: 'not_allowed' },
      },
    });
    expect(payloadsOf(await reader.take(11)).slice(0, 10)).toEqual(numbers(21, 30));
  });

  test('a limit ends the answer, and says where to go on', async () => {
    const server = await startServer();
    const publisher = await publisherOn(server);
    const acks = await publisher.publishAll(TOPIC, numbers(1, 20));
    const epoch = acks[0]?.data.epoch ?? '';
    const reader = await connect(server.port);
    const first = await reader.missed({ since: { [TOPIC]: { epoch, sequence: 0 } }, limit: 15 });
    expect(first).toMatchObject({ count: 15, complete: false, topics: { [TOPIC]: { sequence: 15 } } });
    const rest = await reader.missed({ since: first.topics });
    expect(rest).toMatchObject({ count: 5, complete: true });
    expect(payloadsOf(await reader.take(20))).toEqual(numbers(1, 20));
  });

  test('an id that no message has', async () => {
    const server = await startServer();
    const reader = await connect(server.port);
    expect((await reader.ask('GetMissedMessages', { since: 'not-an-id' })).data).toMatchObject({
      code: 400,
      reason: 'invalid_field',
    });
  });
});

describe('History', () => {
  async function pages(client: Connection, request: Record<string, unknown>): Promise<HistoryPage[]> {
    const all: HistoryPage[] = [];
    let turn: Record<string, unknown> | null = request;
    while (turn !== null) {
      const page = (await client.ask('History', { topic: TOPIC, limit: 10, ...turn })).data.details as HistoryPage;
      all.push(page);
      const direction = request['reverse'] === true ? 'before' : 'since';
      turn = page.next === undefined ? null : { ...request, [direction]: page.next };
    }
    return all;
  }

  test.each(['json', 'msgpack'] as const)('pages forward and back through all there is (%s)', async (format) => {
    const server = await startServer();
    const publisher = await publisherOn(server);
    await publisher.publishAll(TOPIC, numbers(1, 25));
    const reader = await connect(server.port, { format });
    const forward = await pages(reader, {});
    expect(forward.map(({ messages }) => messages.length)).toEqual([10, 10, 5]);
    expect(payloadsOf(forward.flatMap(({ messages }) => messages))).toEqual(numbers(1, 25));
    expect(forward.every(({ complete }) => complete)).toBe(true);
    const back = await pages(reader, { reverse: true });
    expect(payloadsOf(back.flatMap(({ messages }) => messages))).toEqual(numbers(1, 25).toReversed());
  });

  test('says that it is not complete when the log no longer reaches back', async () => {
    const server = await startServer({ 'topics.history': '10', 'actor_system.mailbox_capacity': '10' });
    const publisher = await publisherOn(server);
    const acks = await publisher.publishAll(TOPIC, numbers(1, 25));
    const reader = await connect(server.port);
    const since = { epoch: acks[0]?.data.epoch, sequence: 3 };
    const [page] = await pages(reader, { since });
    expect(page).toMatchObject({ complete: false });
    expect(payloadsOf(page?.messages ?? [])).toEqual(numbers(16, 25));
  });

  test('one unanswered request per connection', async () => {
    const server = await startServer();
    const publisher = await publisherOn(server);
    const acks = await publisher.publishAll(TOPIC, numbers(1, 120));
    const reader = await connect(server.port);
    const since = { [TOPIC]: { epoch: acks[0]?.data.epoch, sequence: 0 } };
    reader.send('GetMissedMessages', { since }, { id: 'first' });
    const second = await reader.ask('History', { topic: TOPIC, limit: 1 });
    expect(second.data).toMatchObject({ code: 409, reason: 'request_pending', temporary: true });
    expect((await reader.replyTo('first')).data.details).toMatchObject({ count: 120 });
    expect((await reader.ask('History', { topic: TOPIC, limit: 1 })).type).toBe('Status');
  });
});

/** An application that numbers its messages itself: what clients read from the log and from it is one stream, without a seam. */
import { beforeAll, describe, expect, test } from 'vitest';
import type { App, JsonValue, StoredMessage } from '../../src/index.ts';
import { connect } from '../harness/client.ts';
import { eventually } from '../harness/deadline.ts';
import { startRedis, type RedisServer } from '../harness/redis-server.ts';
import { startServer, type TestServer } from '../harness/server.ts';

const TOPIC = 'talk.a';
const EPOCH = 'talk';
/** So few that most of what is read comes from the application. */
const KEPT = 5;

const numbers = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, at) => from + at);

/** A table as a database would have it: unique by sender and id, one number after the other. */
class Table {
  readonly rows: StoredMessage[] = [];
  /** Makes the messages come to the log in another order than they were numbered. */
  delayOf: (sequence: number) => number = () => 0;
  reads = 0;

  async add(
    from: string,
    clientId: string | undefined,
    payload: JsonValue,
  ): Promise<{ row: StoredMessage; isNew: boolean }> {
    const known = this.rows.find((row) => row.from === from && clientId !== undefined && row.clientId === clientId);
    if (known !== undefined) return { row: known, isNew: false };
    const row = {
      at: { epoch: EPOCH, sequence: this.rows.length + 1 },
      from,
      clientId,
      payload,
      timestamp: Date.now(),
    };
    this.rows.push(row);
    await new Promise((resolve) => {
      setTimeout(resolve, this.delayOf(row.at.sequence));
    });
    return { row, isNew: true };
  }
}

function talk(table: Table): App {
  return {
    name: 'talk',
    async start(host) {
      // Messages that a restart or an emptied log has lost come back: appending what is there changes nothing.
      for (const { at, timestamp, payload, from } of table.rows.slice(-KEPT))
        await host.publish(TOPIC, { at, timestamp, payload, from });
      return {
        topics: [
          {
            pattern: 'talk.*',
            mayAct: () => true,
            publishing: async (_principal, { from, clientId, payload }) => {
              if (payload === 'bad') return host.refuse('invalid_field', 'expected a better word');
              const { row, isNew } = await table.add(from, clientId, payload);
              return { at: row.at, timestamp: row.timestamp, payload: row.payload, duplicate: !isNew };
            },
            history: (_topic, { after, before, limit }) => {
              table.reads += 1;
              const messages = table.rows
                .filter(({ at }) => at.sequence > after && at.sequence < before)
                .slice(0, limit);
              const head = table.rows.at(-1)?.at;
              return { first: 1, messages, ...(head && { head }) };
            },
          },
        ],
      };
    },
  };
}

describe.each(['in memory', 'on Redis'])('%s', (where) => {
  let redis: RedisServer | null = null;
  beforeAll(async () => {
    if (where === 'on Redis') redis = await startRedis();
  });

  function start(table: Table, prefix: string): Promise<TestServer> {
    const shared: Record<string, string> = redis === null ? {} : { 'redis.url': redis.url, 'redis.prefix': prefix };
    return startServer(
      {
        'topics.history': String(KEPT),
        'actor_system.mailbox_capacity': String(KEPT),
        'rate_limiting.enabled': 'false',
        ...shared,
      },
      [talk(table)],
    );
  }

  // Redis shortens a stream by whole blocks of a hundred messages.
  const COUNT = where === 'on Redis' ? 250 : 30;

  test('a client resumes at the first message, long gone from the log, and receives all in order', async () => {
    const table = new Table();
    const { port } = await start(table, 'own1');
    const writer = await connect(port, { user: 'writer' });
    const acks = await writer.publishAll(TOPIC, numbers(1, COUNT));
    expect(acks.map(({ data }) => [data.status, data.sequence, data.epoch])).toEqual(
      numbers(1, COUNT).map((n) => ['delivered', n, EPOCH]),
    );
    const reader = await connect(port, { user: 'reader' });
    const { recovery } = await reader.subscribe({ topic: TOPIC, epoch: EPOCH, sequence: 0 });
    expect(recovery[TOPIC]).toEqual({ recovered: true, missed: COUNT });
    const seen = await reader.take(COUNT);
    expect(seen.map(({ data }) => [data.sequence, data.payload])).toEqual(numbers(1, COUNT).map((n) => [n, n]));
    expect(table.reads).toBeGreaterThan(0);
    // Live ones follow without a seam, and every message has one id wherever it is read.
    const { data: ack } = await writer.publish(TOPIC, 'live');
    const live = await reader.next('Broadcast');
    expect([live.data.sequence, live.id]).toEqual([COUNT + 1, ack.id]);
    expect(reader.frames.filter(({ type }) => type === 'Gap')).toEqual([]);
  });

  test('the same message again is told its first place, and a refusal stores nothing', async () => {
    const table = new Table();
    const { port } = await start(table, 'own2');
    const writer = await connect(port, { user: 'writer' });
    const once = await writer.publish(TOPIC, 'once', { id: 'm-1' });
    const twice = await writer.publish(TOPIC, 'once', { id: 'm-1' });
    expect([once.data.status, twice.data.status, twice.data.sequence, twice.data.id]).toEqual([
      'delivered',
      'duplicate',
      1,
      once.data.id,
    ]);
    expect((await writer.ask('Broadcast', { topic: TOPIC, payload: 'bad' })).data.reason).toBe('invalid_field');
    expect(table.rows).toHaveLength(1);
  });

  test('messages whose answers come in another order than their numbers are one order for everybody', async () => {
    const table = new Table();
    const { port } = await start(table, 'own3');
    const reader = await connect(port, { user: 'reader' });
    await reader.subscribe(TOPIC);
    await (await connect(port, { user: 'first' })).publish(TOPIC, 'first');
    table.delayOf = (sequence) => (sequence % 2 === 0 ? 30 : 0);
    const writers = await Promise.all(numbers(1, 4).map((n) => connect(port, { user: `writer-${n}` })));
    await Promise.all(writers.map((writer, at) => writer.publish(TOPIC, at)));
    const seen = await reader.take(5);
    expect(seen.map(({ data }) => data.sequence)).toEqual(numbers(1, 5));
    expect(seen.map(({ data }) => data.payload)).toEqual(table.rows.map(({ payload }) => payload));
  });

  test.each(['by its name', 'by a pattern'])(
    'live readers %s get the first message also when the second is appended before it, on every node',
    async (by) => {
      const table = new Table();
      const prefix = `own-first-${by.replaceAll(' ', '-')}`;
      const here = await start(table, prefix);
      const there = where === 'on Redis' ? await start(table, prefix) : here;
      const readers = await Promise.all([here, there].map(({ port }, at) => connect(port, { user: `reader-${at}` })));
      await Promise.all(readers.map((reader) => reader.subscribe(by === 'by its name' ? TOPIC : 'talk.*')));
      table.delayOf = (sequence) => (sequence === 1 ? 100 : 0);
      const first = await connect(here.port, { user: 'first' });
      const second = await connect(there.port, { user: 'second' });
      const one = first.publish(TOPIC, 'one');
      await eventually(() => table.rows.length === 1, 'the first row');
      const acks = await Promise.all([one, second.publish(TOPIC, 'two')]);
      expect(acks.map(({ data }) => [data.status, data.sequence])).toEqual([
        ['delivered', 1],
        ['delivered', 2],
      ]);
      await second.publish(TOPIC, 'three');
      for (const reader of readers) {
        const seen = await reader.take(3);
        expect(seen.map(({ data }) => [data.sequence, data.payload])).toEqual([
          [1, 'one'],
          [2, 'two'],
          [3, 'three'],
        ]);
        expect(reader.frames.filter(({ type }) => type === 'Gap')).toEqual([]);
      }
    },
  );

  test('a server that has lost its log goes on under the same numbers', async () => {
    const table = new Table();
    const before = await start(table, 'own4');
    const writer = await connect(before.port, { user: 'writer' });
    await writer.publishAll(TOPIC, numbers(1, 12));
    await before.stop();
    await redis?.redis.flushall();
    const { port } = await start(table, 'own4');
    const reader = await connect(port, { user: 'reader' });
    const { recovery } = await reader.subscribe({ topic: TOPIC, epoch: EPOCH, sequence: 3 });
    expect(recovery[TOPIC]).toEqual({ recovered: true, missed: 9 });
    expect((await reader.take(9)).map(({ data }) => data.sequence)).toEqual(numbers(4, 12));
    const again = await connect(port, { user: 'writer' });
    await eventually(async () => (await again.publish(TOPIC, 13)).data.sequence === 13, 'the next number');
    expect((await reader.next('Broadcast')).data.sequence).toBe(13);
  });

  test('who listens while Redis loses the log misses nothing, whichever message is appended first', async () => {
    if (redis === null) return;
    const table = new Table();
    const { port } = await start(table, 'own5');
    const first = await connect(port, { user: 'first' });
    const reader = await connect(port, { user: 'reader' });
    await reader.subscribe(TOPIC);
    await first.publishAll(TOPIC, numbers(1, 12));
    await reader.take(12);
    await redis.redis.flushall();
    table.delayOf = (sequence) => (sequence === 13 ? 100 : 0);
    const second = await connect(port, { user: 'second' });
    const slow = first.publish(TOPIC, 13);
    await eventually(() => table.rows.length === 13, 'the row of 13');
    await Promise.all([slow, second.publish(TOPIC, 14)]);
    expect((await reader.take(2)).map(({ data }) => data.sequence)).toEqual([13, 14]);
    expect(reader.frames.filter(({ type }) => type === 'Gap')).toEqual([]);
  });
});

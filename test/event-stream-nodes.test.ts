/** Streams of events on two nodes on Redis: an id of one of them is good on the other, and a drain costs no message. */
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { DrainedStream } from '../bench/generator/drained-streams.ts';
import { connect } from './harness/client.ts';
import { eventually } from './harness/deadline.ts';
import { openStream, type EventStreamClient } from './harness/event-stream.ts';
import { startRedis, type RedisServer } from './harness/redis-server.ts';
import { startServer, type TestServer } from './harness/server.ts';
import { tokenOf } from './harness/tokens.ts';

const TOPIC = 'chat.lobby';

let redis: RedisServer;
let lastPrefix = 0;
beforeAll(async () => {
  redis = await startRedis();
});

function nodes(settings: Readonly<Record<string, string>> = {}): Promise<[TestServer, TestServer]> {
  lastPrefix += 1;
  const shared = { 'redis.url': redis.url, 'redis.prefix': `streams${lastPrefix}`, 'rate_limiting.enabled': 'false' };
  const start = (name: string) => startServer({ ...shared, ...settings, 'server.node_name': name });
  return Promise.all([start('a'), start('b')]);
}

/** What a stream has heard: topic and payload of each publication and direct message. */
const heard = (stream: EventStreamClient): string[] =>
  stream.frames
    .filter(({ type }) => type === 'Broadcast' || type === 'DirectMessage')
    .map(({ data }) => `${data.topic ?? '@me'} ${JSON.stringify(data.payload)}`);

describe.each([
  ['GET', (topics: string) => ({ query: { topics } })],
  ['POST', (topics: string) => ({ body: { topics: topics.split(',') } })],
] as const)('an id of one node, handed to the other with %s,', (_, request) => {
  test.each(['chat.b', '@me,@presence.chat.b,chat.a,chat.b'])('goes on where it was: %s', async (topics) => {
    const [a, b] = await nodes({
      'topics.rules': '[{"pattern":"chat.**","presence":"user"}]',
      'presence.batch_ms': '10',
    });
    const publisher = await connect(b.port, { user: 'publisher' });
    const first = await openStream(a.port, { user: 'ada', ...request(topics) });
    await first.subscribed();
    await publisher.publish('chat.b', 1);
    await first.next('Broadcast');
    const lastId = first.lastId;
    await first.drop();
    await publisher.publish('chat.b', 2);
    await publisher.publish('chat.a', 3);
    await publisher.ask('DirectMessage', { target_user: 'ada', payload: 4 });
    await publisher.ask('Presence', { topic: 'chat.b', action: 'enter' });
    const second = await openStream(b.port, { user: 'ada', ...request(topics), headers: { 'last-event-id': lastId } });
    const { recovery } = await second.subscribed();
    expect(Object.values(recovery).every(({ recovered }) => recovered)).toBe(true);
    await publisher.publish('chat.b', 5);
    await eventually(() => heard(second).includes('chat.b 5'), 'the newest');
    const entered = '@presence.chat.b {"changes":[{"op":"enter","user":"publisher","data":{}}],"count":1}';
    const all = ['chat.b 2', 'chat.b 5', ...(topics === 'chat.b' ? [] : ['chat.a 3', '@me 4', entered])];
    expect(heard(second).toSorted()).toEqual(all.toSorted());
    expect(second.untaken('Gap')).toEqual([]);
  });
});

/** A tenth of what `node bench/redis/streams.ts` does. */
const STREAMS = 1_000;
/** A busy machine. */
const PATIENCE_MS = 100_000;

test(
  'a node with a thousand streams drains while messages flow, and none of them misses any',
  { timeout: 2 * PATIENCE_MS },
  async ({ annotate }) => {
    const [a, b] = await nodes({
      'websocket.max_connections_per_user': '10000',
      'websocket.accepts_per_second': '100000',
    });
    const publisher = await connect(b.port, { user: 'publisher' });
    const options = { token: await tokenOf('ada'), topic: TOPIC, from: a.port, to: b.port };
    const streams = Array.from({ length: STREAMS }, () => new DrainedStream(options));
    onTestFinished(() => {
      for (const stream of streams) stream.close();
    });
    await Promise.all(streams.map((stream) => stream.open()));
    await eventually(() => streams.every(({ last }) => last === 0), 'all to be subscribed', PATIENCE_MS);
    await publisher.publish(TOPIC, 'before');
    const drained = a.stop();
    let newest = 1;
    while (streams.some(({ hasMoved }) => !hasMoved)) {
      await publisher.publish(TOPIC, 'meanwhile');
      newest += 1;
      await new Promise<void>((resolve) => void setTimeout(resolve, 20));
    }
    await drained;
    await publisher.publish(TOPIC, 'after');
    await eventually(() => streams.every(({ last }) => last === newest + 1), 'all to have the newest', PATIENCE_MS);
    expect(streams.reduce((sum, { lost }) => sum + lost, 0)).toBe(0);
    expect(b.connections).toBe(STREAMS + 1);
    const silences = streams.map(({ longestSilenceMs }) => longestSilenceMs).toSorted((x, y) => x - y);
    await annotate(
      `longest silence: median ${silences[STREAMS / 2]?.toFixed(0)} ms, worst ${silences.at(-1)?.toFixed(0)} ms`,
    );
  },
);

/**
 * One user with patterns at the edge of the limits, on a Redis with many topics, beside somebody who publishes: the victim's
 * acknowledgements come as they did before. neighbours.test.ts has the attacks that need no Redis.
 */
import { beforeAll, expect, test } from 'vitest';
import { expectLittleNoticed, framed, names, PATIENCE_MS, type Attack } from '../harness/attack.ts';
import { Campaign } from '../harness/campaign.ts';
import { connect } from '../harness/client.ts';
import { ownTimer } from '../harness/own-time.ts';
import { startRedis, type RedisServer } from '../harness/redis-server.ts';

/** Topics in Redis, all under one first segment. */
const TOPICS = 50_000;

const campaign = new Campaign();
const peace = new Campaign();
let redis: RedisServer;

beforeAll(async () => {
  redis = await startRedis();
  await campaign.start({ 'redis.url': redis.url }, { LOG_LEVEL: 'info' });
  await peace.start({}, { LOG_LEVEL: 'info' });
});

const onAndOff = (topics: readonly string[]): Buffer[] => [
  framed('Subscribe', { topics }),
  framed('Unsubscribe', { topics }),
];

const ATTACKS: readonly Attack[] = [
  {
    name: 'a hundred patterns that match nothing',
    everyMs: 1,
    messages: () => onAndOff(names(100, (at) => `fill.*.z${at}`)),
  },
  {
    name: 'one pattern after the other',
    everyMs: 1,
    messages: () => names(100, (at) => onAndOff([`fill.*.z${at}`])).flat(),
  },
];

test(
  'a Redis with many topics',
  async () => {
    const client = await connect(campaign.port, { user: 'first' });
    await client.publish('fill.first', 1);
    await client.close();
    // As the node wrote the first one.
    const [index] = await redis.redis.keys('signalbox:index:{fill:*');
    const fields = await redis.redis.hgetall('signalbox:topic:{fill.first}');
    for (let at = 0; at < TOPICS; at += 1_000) {
      const pipeline = redis.redis.pipeline();
      for (const name of names(1_000, (each) => `fill.${at + each}.a`)) {
        pipeline.hset(`signalbox:topic:{${name}}`, fields);
        pipeline.zadd(index ?? '', 0, name);
      }
      await pipeline.exec();
    }
  },
  PATIENCE_MS,
);

test('one Subscribe of a hundred patterns is answered soon', async () => {
  const client = await connect(campaign.port, { user: 'mallory' });
  const elapsed = ownTimer(redis.pid, campaign.server.child.pid ?? 0);
  const { data } = await client.ask('Subscribe', { topics: names(100, (at) => `fill.*.z${at}`) });
  const took = elapsed();
  expect(data.details).not.toHaveProperty('rejected.0');
  await client.close();
  // 130 to 330 ms beside other work; before patterns shared their walks 5.8 s.
  expect(took).toBeLessThan(3_000);
});

test.each(ATTACKS)(
  '$name: the victim notices little',
  (attack) => expectLittleNoticed(campaign, peace, attack),
  PATIENCE_MS,
);

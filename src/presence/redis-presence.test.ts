import { beforeAll, expect, test } from 'vitest';
import { redisLink } from '../../test/harness/redis-link.ts';
import { startRedis, type RedisServer } from '../../test/harness/redis-server.ts';
import { DistributedBroker } from '../broker/distributed.ts';
import { RedisTopicLogs } from '../broker/redis-topic-logs.ts';
import { presenceTopic } from '../protocol/topic.ts';
import { systemClock, systemRandom, systemScheduler } from '../telemetry/system-clock.ts';
import { A, B, enter, leave, Probe, type PresenceStoreUnderTest } from './contract-probe.ts';
import { presenceStoreContract } from './contract-suite.ts';
import { RedisPresenceStore } from './redis-presence.ts';
import { SeededRandom } from '../simulation/seeded-random.ts';
import { REMOVED_AT_ONCE, type Applied, type CountMode, type PresenceChange } from './presence-store.ts';
import { KEPT, payloadsOf, storeInMemory } from './test-rig.ts';

const LIMITS = { maxTopics: 1_000, perTenant: 1_000, perUser: 1_000, inboxes: 1_000, directPerSender: 50 };

let server: RedisServer;
let lastPrefix = 0;

beforeAll(async () => {
  server = await startRedis();
});

presenceStoreContract('in Redis', (mode) => {
  lastPrefix += 1;
  return storeInRedis(mode);
});

async function storeInRedis(mode: CountMode): Promise<PresenceStoreUnderTest> {
  const link = redisLink(server, `p${lastPrefix}`);
  const wait = { idempotencyWindowMs: 1_000, metaTtlMs: 3_600_000, wait: null, limits: LIMITS };
  const logs = new RedisTopicLogs(wait, link, systemClock, systemRandom);
  const store = new RedisPresenceStore({ mode, retention: KEPT, metaTtlMs: 3_600_000 }, link, systemRandom);
  const options = {
    retention: { rules: [], fallback: KEPT, direct: KEPT },
    append: { pendingMessages: 10_000, pendingBytes: 16_777_216 },
    reads: { atOnce: 16, waiting: 10_000 },
    tail: { messages: 1_000, bytes: 1_048_576, totalBytes: 67_108_864 },
    silenceMs: 20_000,
    restMs: 600_000,
    topicTtlMs: 3_600_000,
  };
  const broker = new DistributedBroker(options, logs, systemClock, systemScheduler);
  const unheard = { published() {}, epochChanged() {}, renumbered() {}, withdrawn() {}, forgotten() {} };
  await broker.start(unheard);
  return { store, log: (topic) => payloadsOf(broker, presenceTopic(topic)), dispose: () => broker.stop() };
}

/** Batches of two owners, among few users, so that they meet. */
function batchOf(random: SeededRandom): readonly [owner: string, changes: readonly PresenceChange[]] {
  const some = Array.from({ length: random.between(1, 6) }, (): PresenceChange => {
    const user = `u${random.between(1, 6)}`;
    const entry = `${user}-${random.between(1, 2)}`;
    if (random.chance(0.4)) return leave(entry, random.pick(['left', 'expired', 'kicked']));
    return enter(entry, user, `{"n":${random.between(1, 3)}}`);
  });
  return [random.pick([A, B]), some];
}

test('memory and Redis say the same of any batches', async () => {
  for (let seed = 1; seed <= 6; seed += 1) {
    lastPrefix += 1;
    const random = new SeededRandom(seed);
    const mode = { from: random.between(3, 9), below: 3 };
    const both = [new Probe(storeInMemory(mode)), new Probe(await storeInRedis(mode))] as const;
    for (let step = 0; step < 40; step += 1) {
      const [owner, changes] = batchOf(random);
      const [one, other] = await Promise.all(both.map((probe) => probe.apply(owner, changes)));
      expect(countOf(one), `seed ${seed}, step ${step}`).toEqual(countOf(other));
    }
    if (seed % 2 === 0) for (const probe of both) await probe.remove(A);
    const [here, there] = await Promise.all(both.map(async (probe) => [await probe.told(), await membersOf(probe)]));
    expect(there, `seed ${seed}`).toEqual(here);
    for (const { under } of both) await under.dispose();
  }
});

function countOf(answer: Applied | 'gone' | undefined): unknown {
  return typeof answer === 'object' ? [answer.count, answer.position.sequence] : answer;
}

async function membersOf(probe: Probe): Promise<unknown> {
  const { count, members } = await probe.page();
  const rows = members.map(({ member, data, connections, sequence }) => `${member} ${data} ${connections} ${sequence}`);
  return [count, rows.sort()];
}

test('two nodes that remove a dead one, of which the first dies half-way, tell each leave once', async () => {
  lastPrefix += 1;
  const mode = { from: 10_000, below: 9_000 };
  const [first, second] = [new Probe(await storeInRedis(mode)), new Probe(await storeInRedis(mode))];
  const users = Array.from({ length: REMOVED_AT_ONCE * 2 + 1 }, (_, at) => `u${at}`);
  await first.apply(
    A,
    users.map((user) => enter(user, user)),
  );
  await first.apply(B, [enter('desk', 'u0')]);
  const end = (probe: Probe) => probe.ask((store, reply: (may: unknown) => void) => store.end(A, reply));
  // One of them may; the other waits until that one has surely ended.
  expect([await end(first), await end(second)]).toEqual([true, false]);
  await first.remove(A);
  await server.redis.del(`p${lastPrefix}:presences:{${A}}:lock`);
  expect(await end(second)).toBe(true);
  // The first was only slow, and both go on at once.
  const removed: { removed: number; isMore: boolean }[] = [];
  for (let isMore = true; isMore;) {
    const some = (await Promise.all([second.remove(A), first.remove(A)])) as typeof removed;
    removed.push(...some);
    isMore = some.some((one) => one.isMore);
  }
  expect(removed.reduce((sum, one) => sum + one.removed, REMOVED_AT_ONCE)).toBe(users.length);
  const told = (await first.told()) as readonly { readonly changes: readonly { op: string; user: string }[] }[];
  const left = told.flatMap(({ changes }) => changes.filter(({ op }) => op === 'leave').map(({ user }) => user));
  expect(left.toSorted()).toEqual(users.slice(1).toSorted());
  expect(await second.members()).toEqual(['u0']);
  for (const { under } of [first, second]) await under.dispose();
});

/** Two nodes on one Redis: what Redis adds to a publication and to a connection, on the node that took it, on others, in Redis. */
import { setTimeout as delay } from 'node:timers/promises';
import { AwaitedCount } from './awaited-count.ts';
import { publish, type DeliveryFigures } from './deliveries.ts';
import type { CrowdFigures } from './crowd.ts';
import { startOwnServer, type OwnServer } from './own-server.ts';
import { inParallel, type Peer } from './peer.ts';
import type { RedisServer, RedisUsage } from './redis-server.ts';
import { framesOf, least, microsOfAll, newPeers, PAYLOAD_BYTES, SLICES, type Rig } from './rig.ts';
import { microsOfSecond, type RestFigures } from './rest.ts';

const BURST = 32;
const ALONE = 600;
const TOGETHER = 100;
const TOPICS = 300;
const FIRST_TOPIC = 200_000;
const MESSAGES = 40;
const AT_ONCE = 200;
const WARM_UP = 0.5;
const RATE_TOPIC = 1;
/** A node stores a session at most five seconds after it changed. */
const STORED_MS = 6_000;

export interface RedisFigures {
  readonly redis_turn_us: number;
  readonly redis_publication_us: number;
  readonly redis_follow_us: number;
  readonly redis_connect_us: number;
  readonly redis_idle_us: number;
  readonly redis_server_turn_us: number;
  readonly redis_server_publish_us: number;
  readonly redis_server_follow_us: number;
  readonly redis_server_connect_us: number;
  readonly redis_server_idle_us: number;
  readonly redis_topic_bytes: number;
  readonly redis_message_bytes: number;
  readonly redis_session_bytes: number;
  readonly redis_in_bytes: number;
  readonly redis_out_bytes: number;
}

/** @param without the figures of a node without Redis, which are subtracted */
export async function measureRedis(
  redis: RedisServer,
  without: CrowdFigures & DeliveryFigures & RestFigures,
  rig: Rig,
): Promise<RedisFigures> {
  rig.say('two nodes on Redis');
  // A machine that is busy answers late; nothing here is a failure because of that.
  const settings = {
    'redis.command_timeout_ms': '10000',
    'redis.url': redis.url,
    'redis.prefix': redis.prefix,
  };
  const first = await startOwnServer(rig, settings);
  const second = await startOwnServer(rig, settings);
  try {
    const scene: Scene = { redis, first, second, rig };
    const rest = await measureRest(scene);
    const sessions = await measureSessions(scene, without, rest);
    const publications = await measurePublications(scene, without, rest);
    return { ...idle(rest, without), ...publications, ...sessions, ...(await measureMemory(scene)) };
  } finally {
    await first.stop();
    await second.stop();
  }
}

interface Scene {
  readonly redis: RedisServer;
  readonly first: OwnServer;
  readonly second: OwnServer;
  readonly rig: Rig;
}

interface Rest {
  readonly node: number;
  readonly server: number;
}

async function measureRest({ redis, first, rig }: Scene): Promise<Rest> {
  const before = await redis.usage();
  const node = await microsOfSecond(first, rig.sizes.restSeconds);
  const after = await redis.usage();
  return { node, server: (after.cpuMicros - before.cpuMicros) / rig.sizes.restSeconds / 2 };
}

function idle(
  { node, server }: Rest,
  { idle_us }: RestFigures,
): Pick<RedisFigures, 'redis_idle_us' | 'redis_server_idle_us'> {
  return { redis_idle_us: least(node - idle_us), redis_server_idle_us: server };
}

/** Of one publication. */
interface Costs {
  readonly first: number;
  readonly second: number;
  readonly server: number;
  readonly inBytes: number;
  readonly outBytes: number;
}

async function measurePublications(
  { redis, first, second, rig }: Scene,
  { turn_us, publish_us, write_us, message_us }: DeliveryFigures,
  rest: Rest,
): Promise<
  Pick<
    RedisFigures,
    | 'redis_turn_us'
    | 'redis_publication_us'
    | 'redis_follow_us'
    | 'redis_server_turn_us'
    | 'redis_server_publish_us'
    | 'redis_server_follow_us'
    | 'redis_in_bytes'
    | 'redis_out_bytes'
  >
> {
  const received = new AwaitedCount();
  const [publisher] = (await newPeers(first, 1)) as [Peer];
  const own = await newPeers(first, 1, framesOf(), received);
  await own[0]?.subscribe([RATE_TOPIC]);
  const measure = (burst: number, fanOut: number, turns: number): Promise<Costs> =>
    measureCosts({ redis, first, second, rest }, burst, Math.ceil((turns * rig.sizes.effort) / SLICES), (count) =>
      publish(publisher, received, { burst, fanOut }, RATE_TOPIC, count),
    );
  const alone = await measure(1, 1, ALONE);
  const together = await measure(BURST, 1, TOGETHER);
  const other = await newPeers(second, 1, framesOf(), received);
  await other[0]?.subscribe([RATE_TOPIC]);
  const followed = await measure(1, 2, ALONE);
  const followedTogether = await measure(BURST, 2, TOGETHER);
  for (const peer of [publisher, ...own, ...other]) peer.destroy();
  const perTurn = (one: number, many: number): number => ((one - many) * BURST) / (BURST - 1);
  const turn = least(perTurn(alone.first, together.first) - turn_us - write_us);
  const publication = least(together.first - publish_us - message_us - (turn + turn_us + write_us) / BURST);
  const serverTurn = least(perTurn(alone.server, together.server));
  return {
    redis_turn_us: turn,
    redis_publication_us: publication,
    redis_follow_us: least(followed.second - write_us - message_us),
    redis_server_turn_us: serverTurn,
    redis_server_publish_us: least(together.server - serverTurn / BURST),
    redis_server_follow_us: least(followedTogether.server - together.server),
    redis_in_bytes: least(alone.inBytes - PAYLOAD_BYTES),
    // What goes out to the node that published has the answer of the script as well.
    redis_out_bytes: least(alone.outBytes - PAYLOAD_BYTES),
  };
}

type Measured = Omit<Scene, 'rig'> & { readonly rest: Rest };

async function measureCosts(
  scene: Measured,
  burst: number,
  turns: number,
  run: (turns: number) => Promise<void>,
): Promise<Costs> {
  await run(Math.ceil(turns * SLICES * WARM_UP));
  const slices: Costs[] = [];
  while (slices.length < SLICES) slices.push(await measureSlice(scene, burst, turns, run));
  const fewest = (of: (costs: Costs) => number): number => Math.min(...slices.map(of));
  return {
    first: fewest(({ first }) => first),
    second: fewest(({ second }) => second),
    server: fewest(({ server }) => server),
    inBytes: fewest(({ inBytes }) => inBytes),
    outBytes: fewest(({ outBytes }) => outBytes),
  };
}

async function measureSlice(
  { redis, first, second, rest }: Measured,
  burst: number,
  turns: number,
  run: (turns: number) => Promise<void>,
): Promise<Costs> {
  const before = await redis.usage();
  const started = performance.now();
  const [ofFirst = 0, ofSecond = 0] = await microsOfAll([first, second], () => run(turns));
  const after = await redis.usage();
  const seconds = (performance.now() - started) / 1_000;
  const count = turns * burst;
  const each = (of: (usage: RedisUsage) => number): number => (of(after) - of(before)) / count;
  return {
    first: least(ofFirst - rest.node * seconds) / count,
    second: least(ofSecond - rest.node * seconds) / count,
    server: least(each(({ cpuMicros }) => cpuMicros) - (rest.server * 2 * seconds) / count),
    inBytes: each(({ inBytes }) => inBytes),
    outBytes: each(({ outBytes }) => outBytes) - before.answerBytes / count,
  };
}

async function measureMemory({
  redis,
  first,
  rig,
}: Scene): Promise<Pick<RedisFigures, 'redis_topic_bytes' | 'redis_message_bytes'>> {
  const [publisher] = (await newPeers(first, 1)) as [Peer];
  const topics = Array.from({ length: Math.ceil(TOPICS * Math.min(1, rig.sizes.effort)) }, (_, at) => FIRST_TOPIC + at);
  const empty = await redis.usage();
  await publishOnce(publisher, topics);
  const made = await redis.usage();
  for (let message = 0; message < MESSAGES; message += 1) await publishOnce(publisher, topics);
  const deep = await redis.usage();
  publisher.destroy();
  return {
    redis_topic_bytes: least((made.memoryBytes - empty.memoryBytes) / topics.length - PAYLOAD_BYTES),
    redis_message_bytes: least((deep.memoryBytes - made.memoryBytes) / topics.length / MESSAGES - PAYLOAD_BYTES),
  };
}

async function publishOnce(publisher: Peer, topics: readonly number[]): Promise<void> {
  for (let at = 0; at < topics.length; at += AT_ONCE) await publisher.publish(topics.slice(at, at + AT_ONCE));
}

async function measureSessions(
  { redis, first, rig }: Scene,
  { accept_us, subscribe_us }: CrowdFigures,
  rest: Rest,
): Promise<Pick<RedisFigures, 'redis_connect_us' | 'redis_server_connect_us' | 'redis_session_bytes'>> {
  const count = rig.sizes.sessions;
  const before = await redis.usage();
  const started = performance.now();
  let peers: Peer[] = [];
  const [micros = 0] = await microsOfAll([first], async () => {
    peers = await newPeers(first, count);
    await inParallel(peers, (peer) => peer.subscribe([RATE_TOPIC]));
    await delay(STORED_MS);
  });
  const after = await redis.usage();
  const seconds = (performance.now() - started) / 1_000;
  for (const peer of peers) peer.destroy();
  return {
    redis_connect_us: least((micros - rest.node * seconds) / count - accept_us - subscribe_us),
    redis_server_connect_us: least((after.cpuMicros - before.cpuMicros - rest.server * 2 * seconds) / count),
    redis_session_bytes: least((after.memoryBytes - before.memoryBytes) / count),
  };
}

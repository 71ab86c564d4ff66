/** Runs seeds with the client library in the world, beside the clients that know the protocol by themselves. */
import { orderSubscriptions } from '../connection/ordered.ts';
import type { LifecycleEvent, Transport } from '../client/environment.ts';
import type { Position } from '../protocol/position.ts';
import { directTopic, ME } from '../protocol/topic.ts';
import { checkInvariants } from './invariants.ts';
import { LibraryClient, type Planted } from './library-client.ts';
import { connect, drawSchedule, nextPayload, perform } from './operations.ts';
import { SeededRandom } from './seeded-random.ts';
import { SimulatedRedisBroker } from './simulated-redis-broker.ts';
import { settle } from './simulate.ts';
import { promise, Violation } from './violation.ts';
import { VirtualClock } from './virtual-clock.ts';
import { REAL_PARTS, World, type Parts } from './world.ts';

const STEPS = 120;
const TOPICS: readonly string[] = ['chat.a', 'chat.b', 'typing.x', ME];
const LOGGED: readonly string[] = ['chat.a', 'chat.b', 'chat.c'];
const SINCE = ['stored', 'stored', 'live', 'earliest', { last: 3 }] as const;
const EVENTS: readonly LifecycleEvent[] = ['visible', 'hidden', 'online', 'offline', 'resume', 'pagehide', 'pageshow'];
/** As long as a server is at least asked to keep keys. */
const WINDOW_MS = 300_000;
const THROWS = 'nothing throws';
/** Seconds in which clients that have been away for long are back. */
const HEALTHY_BEATS = 120;

interface ClientWorld {
  readonly world: World;
  readonly clock: VirtualClock;
  readonly clients: readonly LibraryClient[];
}

/** @returns what was found, or `null` */
export function simulateClients(
  seed: number,
  parts: Parts = REAL_PARTS,
  steps = STEPS,
  planted: Planted = (environment) => environment,
): Violation | null {
  const { stackTraceLimit } = Error;
  // Writing down where the client's errors were made took more than the client.
  Error.stackTraceLimit = 0;
  const violation = attempt(seed, parts, steps, planted);
  Error.stackTraceLimit = stackTraceLimit;
  return violation?.promise === THROWS ? attempt(seed, parts, steps, planted) : violation;
}

function attempt(seed: number, parts: Parts, steps: number, planted: Planted): Violation | null {
  try {
    live(seed, parts, steps, planted);
    return null;
  } catch (error) {
    if (error instanceof Violation) return error;
    return new Violation(THROWS, error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
}

/** Of eight worlds five have WebSockets, two streams and one polls. */
function transportOf(seed: number): Transport {
  return seed % 4 === 3 ? 'sse' : seed % 8 === 5 ? 'poll' : 'websocket';
}

function live(seed: number, parts: Parts, steps: number, planted: Planted): void {
  const world = new World(seed, parts, null, {
    hasOwner: false,
    idempotencyWindowMs: WINDOW_MS,
  });
  // The keys of a log are lost with it, so what is sent again then is stored again.
  world.ledger.isPerEpoch = parts.distributed !== undefined;
  const clock = new VirtualClock();
  const random = new SeededRandom(seed ^ 0x2c1b3c6d);
  const network = new SeededRandom(seed ^ 0x1f83d9ab);
  const clients = Array.from(
    { length: random.between(1, 2) },
    (_, at) => new LibraryClient(`reader${at}`, seed * 7 + at, world, clock, planted, transportOf(seed)),
  );
  const all: ClientWorld = { world, clock, clients };
  for (const client of clients) client.read('chat.a', 'stored');
  // Of the protocol's own clients there are some, which publish and ask for the same.
  for (const operation of drawSchedule(new SeededRandom(seed ^ 0x5bd1e995), steps)) {
    // A fault of the node would be told to a client as a refusal for good.
    if (operation.name !== 'fault') perform(world, operation);
    if (operation.name === 'time') clock.advance(1 + Math.floor(operation.a * 2_500));
    if (random.chance(0.5)) act(all, random);
    for (const { http } of clients) if (http !== null && network.chance(0.03)) http.break();
    step(all);
  }
  heal(all);
  end(all);
}

/** What an application, its network and its page do. */
function act({ world, clock, clients }: ClientWorld, random: SeededRandom): void {
  const client = random.pick(clients);
  const socket = client.held.find(({ link }) => link.listener !== null);
  const isDistributed = world.broker instanceof SimulatedRedisBroker;
  const acts: readonly (readonly [number, () => void])[] = [
    [6, () => client.publish(random.pick(LOGGED), nextPayload(world))],
    [3, () => burst(client, random.pick(LOGGED), random.between(2, 4), world)],
    // Of ephemeral messages no other node keeps the keys: one that is sent again may come twice there.
    [1, () => (isDistributed ? undefined : client.publish('typing.x', nextPayload(world)))],
    [3, () => client.read(random.pick(TOPICS), random.pick(SINCE))],
    [2, () => client.stopReading(random.fraction())],
    [2, () => (client.readers[0] === undefined ? undefined : (client.readers[0].isSlow = random.chance(0.6)))],
    [4, () => client.readers.forEach((reader) => reader.finish())],
    [1, () => socket?.link.break()],
    [1, () => (socket === undefined ? undefined : (socket.link.isCut = true))],
    [1, () => (socket === undefined ? undefined : (socket.link.breaksOnSend = true))],
    [2, () => (socket === undefined ? undefined : (socket.link.isEager = false))],
    [2, () => readAll(client)],
    [1, () => (socket === undefined ? undefined : revoke(world, client))],
    [1, () => socket?.inject(draining(random.between(0, 1_500)))],
    [1, () => give(world, client, random.pick(LOGGED))],
    [1, () => client.live(random.pick(EVENTS))],
    [1, () => client.client.retryNow()],
    [6, () => clock.advance(random.between(1, 2_000))],
    [1, () => clock.advance(random.between(1, 40_000))],
  ];
  let at = random.fraction() * acts.reduce((sum, [weight]) => sum + weight, 0);
  acts.find(([weight]) => (at -= weight) < 0)?.[1]();
}

function burst(client: LibraryClient, topic: string, count: number, world: World): void {
  for (let at = 0; at < count; at += 1) client.publish(topic, nextPayload(world));
}

function readAll(client: LibraryClient): void {
  for (const { link } of client.held) {
    link.isEager = true;
    link.read(Infinity);
  }
}

function revoke(world: World, client: LibraryClient): void {
  for (const { link } of client.held)
    world.node.connections.find(({ transport }) => transport === link)?.close('token_revoked', 'revoked');
}

/** As a backend does. */
function give(world: World, client: LibraryClient, topic: string): void {
  for (const { link } of client.held) {
    const connection = world.node.connections.find(({ transport }) => transport === link);
    if (connection !== undefined) orderSubscriptions(connection, { topics: [topic], subscribed: true });
  }
}

function draining(delay: number): object {
  return { type: 'Status', data: { status: 'draining', details: { reconnect_after_ms: delay } } };
}

function step({ world, clients }: ClientWorld): void {
  for (const client of clients) {
    client.deliver();
    client.check();
  }
  checkInvariants(world);
}

/** Everything works again; then every reader stands where the log does. */
function heal(all: ClientWorld): void {
  const { world, clients } = all;
  world.broker.isHealed = true;
  world.rights.armed = 0;
  for (const { client, readers } of clients) {
    client.resume();
    for (const reader of readers) reader.isSlow = false;
  }
  // A topic that nobody is subscribed to is forgotten in the time that follows.
  for (const client of world.clients)
    if (!client.isConnected || client.link?.isCut === true) connect(world, client, { b: 0 });
  for (let beat = 0; beat < HEALTHY_BEATS; beat += 1) {
    beatOnce(all);
    if (beat > 25 && clients.every(({ isLive, unsettled }) => isLive && unsettled === 0)) break;
  }
  // Before anything more is published: a topic may stay silent.
  for (const client of clients) checkLive(client);
  const [publisher] = world.clients;
  if (publisher !== undefined && !(publisher.isConnected && publisher.link?.isCut === false))
    connect(world, publisher, { b: 0 });
  settle(world);
  for (const topic of LOGGED) publisher?.request('Broadcast', { topic, payload: nextPayload(world) });
  for (const { name } of clients)
    publisher?.request('DirectMessage', { target_user: name, payload: nextPayload(world) });
  // Pages of a log go one at a time, so that many readers take turns.
  for (let beat = 0; beat < HEALTHY_BEATS; beat += 1) {
    beatOnce(all);
    if (beat > 2 && clients.every((client) => isAtHead(world, client))) break;
  }
  for (const client of clients) checkRest(world, client);
}

function beatOnce(all: ClientWorld): void {
  const { world, clock, clients } = all;
  for (const { link } of world.clients) {
    if (link === null || link.isCut) continue;
    link.breaksOnSend = false;
    link.isEager = true;
    link.read(Infinity);
  }
  world.clock.advance(1_000);
  clock.advance(1_000);
  for (let round = 0; round < 20; round += 1) {
    settle(world);
    let isBusy = false;
    for (const client of clients) {
      for (const { link } of client.held) link.breaksOnSend = false;
      readAll(client);
      for (const reader of client.readers) reader.finish();
      isBusy = client.deliver() || isBusy;
      client.check();
    }
    if (!isBusy) break;
  }
  checkInvariants(world);
}

function checkLive(client: LibraryClient): void {
  for (const { topic } of client.readers)
    promise(
      client.stateOf(topic) === 'live',
      'everybody is at the head in the end',
      () => `${client.name} is ${client.stateOf(topic)} in ${topic}`,
    );
}

function checkRest(world: World, client: LibraryClient): void {
  const { state } = client.client;
  promise(state.status === 'connected', 'everybody is served in the end', () => `${client.name} is ${state.status}`);
  promise(client.unsettled === 0, 'a publish is settled once', () => `${client.unsettled} of ${client.name} are not`);
  client.checkOrder();
  checkLive(client);
  for (const { topic, last } of client.readers) {
    const latest = latestOf(world, client, topic);
    promise(
      latest === undefined || (last?.sequence === latest.sequence && last.epoch === latest.epoch),
      'everybody is at the head in the end',
      () => `${client.name} got ${topic} up to ${JSON.stringify(last)}, the log is at ${JSON.stringify(latest)}`,
    );
  }
}

function isAtHead(world: World, client: LibraryClient): boolean {
  return client.readers.every(({ topic, last }) => {
    const latest = latestOf(world, client, topic);
    return latest === undefined || (last?.sequence === latest.sequence && last.epoch === latest.epoch);
  });
}

/** Where its log stands; `undefined` when it has none. */
function latestOf({ ledger }: World, { name }: LibraryClient, topic: string): Position | undefined {
  return topic === 'typing.x' ? undefined : ledger.latestOf(topic === ME ? directTopic('', name) : topic);
}

/** A client that is closed leaves nothing behind. */
function end({ world, clock, clients }: ClientWorld): void {
  for (const { client } of clients) void client.close();
  promise(clock.pendingTimers === 0, 'no timer of a closed client', () => `${clock.pendingTimers} timers are pending`);
  for (const { held, name, http } of clients)
    promise(held.length === 0 && (http?.size ?? 0) === 0, 'no socket of a closed client', () => name);
  checkInvariants(world);
}

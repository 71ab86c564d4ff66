/** Runs seeds: each draws a world and a schedule, which is carried out step by step, then everything heals. */
import type { Position } from '../protocol/position.ts';
import { isDirectTopic } from '../protocol/topic.ts';
import { ENDED, JOINING } from '../router/subscription.ts';
import { CONFLATED, conflatedPayload } from './conflated-reader.ts';
import { NUMBERED } from './simulated-table.ts';
import { checkInvariants } from './invariants.ts';
import { connect, drawSchedule, nextPayload, perform, type Operation } from './operations.ts';
import { SeededRandom } from './seeded-random.ts';
import { checkTraced } from './check-traced.ts';
import type { Traced } from './traced.ts';
import { promise, Violation } from './violation.ts';
import { COALESCE_MS, REAL_PARTS, World, type Parts } from './world.ts';

export interface Finding {
  readonly seed: number;
  readonly violation: Violation;
  /** The shortened schedule: without any of these steps the promise holds. */
  readonly schedule: readonly Operation[];
}

const STEPS = 120;
/** Rounds of delivering everything after which a healed world must be at rest. */
const MAX_ROUNDS = 500;
/** Seconds of healthy time at the end: long enough for dead connections to be found. */
const HEALTHY_BEATS = 25;
/** Topics that get one more message at the end, beside those of direct messages. */
const LAST_PUBLISHED: readonly string[] = ['chat.a', 'chat.b', 'chat.c', 'chat.n'];

/**
 * Runs one seed, without shortening what it found: that takes a hundred runs more, and callers that only ask
 * whether something is found need not wait for them.
 */
export function violationOf(seed: number, parts: Parts = REAL_PARTS, steps = STEPS): Violation | null {
  return attempt(seed, scheduleOf(seed, steps), parts);
}

/** Runs one seed. Returns what it found, shortened, or `null`. */
export function simulateSeed(seed: number, parts: Parts = REAL_PARTS, steps = STEPS): Finding | null {
  const violation = violationOf(seed, parts, steps);
  if (violation === null) return null;
  const schedule = scheduleOf(seed, steps);
  const shortened = shorten(seed, schedule, parts, violation.promise);
  return { seed, violation: attempt(seed, shortened, parts) ?? violation, schedule: shortened };
}

/** Every step of a seed with what it did to the node, as text: the same seed gives the same text. */
export function traceSeed(seed: number, steps = STEPS, traced?: Traced | null, parts: Parts = REAL_PARTS): string {
  const world = new World(seed, parts, traced);
  const lines = scheduleOf(seed, steps).map((operation) => {
    perform(world, operation);
    const connections = world.node.connections.map(
      ({ id, queuedCount, lifecycle, subscriptions }) =>
        `${id}:${lifecycle}:${queuedCount}:${subscriptions.map(({ written, state }) => `${written}/${state}`).join(',')}`,
    );
    return `${describe(operation)} ${connections.join(' ')} pending ${world.broker.pending}`;
  });
  return lines.join('\n');
}

export function describe({ name, a, b }: Operation): string {
  return `${name} ${a.toFixed(3)} ${b.toFixed(3)}`;
}

function scheduleOf(seed: number, steps: number): Operation[] {
  // Not the world's own randomness: leaving out a step must not change the others.
  return drawSchedule(new SeededRandom(seed ^ 0x5bd1e995), steps);
}

function attempt(seed: number, schedule: readonly Operation[], parts: Parts): Violation | null {
  try {
    const world = new World(seed, parts);
    for (const operation of schedule) {
      perform(world, operation);
      checkInvariants(world);
    }
    heal(world);
    return null;
  } catch (error) {
    if (error instanceof Violation) return error;
    return new Violation('nothing throws', error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
}

/** Everything works again, everybody is back: then everybody must be where the log is. */
function heal(world: World): void {
  world.broker.isHealed = true;
  if (world.owner !== null) world.owner.isHealed = true;
  world.rights.armed = 0;
  settle(world);
  for (let beat = 0; beat < HEALTHY_BEATS; beat += 1) {
    for (const client of world.clients) {
      if (client.link === null || client.link.isCut) continue;
      client.link.breaksOnSend = false;
      client.link.isEager = true;
      client.link.read(Infinity);
    }
    world.clock.advance(1_000);
    settle(world);
  }
  checkDenied(world);
  for (const { name } of world.clients) world.changeRights(name, true);
  for (const client of world.clients)
    if (!client.isConnected || client.link?.isCut === true) connect(world, client, { b: 0 });
  settle(world);
  // One more message per topic, so that a hole at the end is seen too.
  const [publisher] = world.clients;
  for (const topic of LAST_PUBLISHED) publisher?.request('Broadcast', { topic, payload: nextPayload(world) });
  publisher?.request('Broadcast', { topic: CONFLATED, payload: conflatedPayload(nextPayload(world)) });
  for (const { name } of world.clients)
    publisher?.request('DirectMessage', { target_user: name, payload: nextPayload(world) });
  settle(world);
  checkRest(world);
}

/** Lets everything that is under way arrive. */
export function settle(world: World): void {
  const { broker, clock } = world;
  const isUnderWay = (): boolean =>
    broker.pending > 0 || clock.hasTurn || world.flusher.isCoalescing || (world.owner?.pending ?? 0) > 0;
  for (let round = 0; isUnderWay(); round += 1) {
    promise(
      round < MAX_ROUNDS,
      'the node comes to rest',
      () => `after ${MAX_ROUNDS} rounds something is still under way`,
    );
    broker.work(0);
    broker.deliverAnswer(0);
    broker.deliverNotice(0);
    world.owner?.deliverAnswer(0);
    clock.endTurn();
    if (broker.pending === 0 && !clock.hasTurn && world.flusher.isCoalescing) clock.advance(COALESCE_MS);
    checkInvariants(world);
  }
}

/** Every question has been answered by now, or its time is over: also the one whose answer was lost. */
function checkDenied({ clients, owner, node }: World): void {
  for (const { subscriptions, patterns, principal, id } of node.connections) {
    if (owner?.isDenied(principal.user) !== true) continue;
    const names = [...subscriptions.map(({ topic }) => topic.clientName), ...(patterns ?? [])];
    const kept = names.find((name) => owner.decidesOn(name));
    promise(kept === undefined, 'what is not allowed any more ends', () => `${id} is subscribed to ${kept}`);
  }
  for (const client of clients)
    promise(
      !client.isConnected || client.link?.isCut === true || client.unanswered.length === 0,
      'exactly one reply',
      () => `${client.unanswered.join(', ')} got none`,
    );
}

function checkRest(world: World): void {
  for (const client of world.clients) {
    const connection = world.connectionOf(client);
    promise(connection?.isOpen === true, 'everybody is served in the end', () => `${client.name} has no connection`);
    promise(client.unanswered.length === 0, 'exactly one reply', () => `${client.unanswered.join(', ')} got none`);
    for (const { state, topic, written, queued, generation } of connection.subscriptions) {
      const isSettled = state !== JOINING && state !== ENDED && generation > 0;
      promise(
        isSettled,
        'everybody is at the head in the end',
        () => `${client.name} has not started on ${topic.name}`,
      );
      promise(
        queued === 0 && written === topic.head,
        'everybody is at the head in the end',
        () => `${client.name} is at ${written} of ${topic.head} in ${topic.name}`,
      );
      if (topic.name === CONFLATED) client.known.get(CONFLATED)?.conflated?.rests(world.ledger.ephemeralOf(CONFLATED));
      if (topic.isEphemeral) continue;
      const known = client.known.get(topic.clientName)?.position;
      promise(
        known?.sequence === topic.head,
        'everybody is at the head in the end',
        () => `${client.name} got ${topic.name} up to ${known?.sequence} of ${topic.head}`,
      );
      checkLatest(world, client.name, topic.name, known);
      const rows = topic.name === NUMBERED ? world.owner?.table.rows.length : undefined;
      promise(
        rows === undefined || topic.head === rows,
        'what the owner has stored arrives',
        () => `${client.name} is at ${topic.head} of ${rows} in ${topic.name}`,
      );
    }
  }
  promise(
    world.node.unaccounted() === 0,
    'conservation',
    () => `${world.node.unaccounted()} publications are unexplained`,
  );
  checkTraced(world);
}

/** The node may believe itself at the head while nobody tells it anything: the log knows better. */
function checkLatest({ ledger }: World, client: string, topic: string, known: Position | undefined): void {
  if (!LAST_PUBLISHED.includes(topic) && !isDirectTopic(topic)) return;
  const latest = ledger.latestOf(topic);
  promise(
    latest !== undefined && known?.epoch === latest.epoch && known.sequence === latest.sequence,
    'everybody is at the head in the end',
    () =>
      `${client} got ${topic} up to ${known?.epoch} ${known?.sequence}, the log is at ${latest?.epoch} ${latest?.sequence}`,
  );
}

/** Leaves out ever smaller pieces of the schedule as long as the same promise is broken (delta debugging). */
function shorten(seed: number, schedule: readonly Operation[], parts: Parts, broken: string): Operation[] {
  let current = [...schedule];
  for (let size = Math.ceil(current.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < current.length;) {
      const without = [...current.slice(0, at), ...current.slice(at + size)];
      if (attempt(seed, without, parts)?.promise === broken) current = without;
      else at += size;
    }
  }
  return current;
}

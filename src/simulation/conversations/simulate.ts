/** Runs a seed: a world and a schedule, step by step; then everything heals, and everything has to be there. */
import { SeededRandom } from '../seeded-random.ts';
import { promise, Violation } from '../violation.ts';
import { checkHealed, checkTables } from './checks.ts';
import { drawSchedule, flow, mendDatabases, mendLogs, perform } from './operations.ts';
import type { SimulatedTables } from './tables.ts';
import { CONVERSATIONS, ConversationsWorld } from './world.ts';

export interface Ran {
  readonly violation: Violation | null;
  readonly confirmed: number;
  readonly killed: number;
}

export const STEPS = 250;
const CHECKED_EVERY = 25;
const HEALING_ROUNDS = 150;
const ROUND_MS = 500;
const FLOWING = 10;

export async function simulateConversations(seed: number, tables: SimulatedTables, steps = STEPS): Promise<Ran> {
  const world = await ConversationsWorld.begin(seed, tables);
  const ran = (violation: Violation | null): Ran => ({
    violation,
    confirmed: world.confirmedMessages.length,
    killed: world.killed,
  });
  try {
    // Not the world's own randomness: a world that draws once more has the same schedule.
    for (const [at, step] of drawSchedule(new SeededRandom(seed ^ 0x5bd1e995), steps).entries()) {
      await perform(world, step);
      if (at % CHECKED_EVERY === 0 && tables.isFree) await checkTables(world);
    }
    await heal(world);
    return ran(null);
  } catch (error) {
    return ran(
      error instanceof Violation
        ? error
        : new Violation('nothing throws', error instanceof Error ? (error.stack ?? error.message) : String(error)),
    );
  } finally {
    await tables.settled();
    for (const node of world.nodes) node.kill(0);
    await tables.settled();
  }
}

async function heal(world: ConversationsWorld): Promise<void> {
  for (const node of world.nodes) {
    node.database.lostAnswers = 0;
    node.database.done = () => {};
  }
  mendDatabases(world);
  mendLogs(world);
  await comeToRest(world);
  // A message more in each, so that a hole at the end is seen.
  for (const id of CONVERSATIONS) world.clients[0]?.send(id);
  await comeToRest(world);
  await checkHealed(world);
}

async function comeToRest(world: ConversationsWorld): Promise<void> {
  for (let round = 0; ; round += 1) {
    for (const client of world.clients) {
      if (!client.isConnected) client.connect(world.nodeAt(world.random.fraction()));
      client.subscribe();
      client.sendAgain();
    }
    await world.rest();
    for (let at = 0; at < FLOWING; at += 1) {
      flow(world, 1);
      await world.rest();
    }
    const waiting = await unappended(world);
    const isAtRest =
      waiting === 0 &&
      world.clients.every(({ unconfirmed, isFollowing }) => unconfirmed === 0 && isFollowing) &&
      world.nodes.every(({ logs }) => logs.pending === 0);
    if (isAtRest && round > 4) return;
    promise(
      round < HEALING_ROUNDS,
      'what is healed comes to rest',
      () =>
        `${waiting} conversations wait, ${world.clients.map((it) => `${it.name} ${it.unconfirmed} ${it.isFollowing}`).join(', ')}`,
    );
    world.clock.advance(ROUND_MS);
  }
}

/** Conversations that wait for the relay; more than there are while a transaction is under way. */
async function unappended({ tables }: ConversationsWorld): Promise<number> {
  if (!tables.isFree) return Infinity;
  const [row] = await tables.query<{ waiting: number }>(
    'select count(*)::int as waiting from conversations.conversations where appended < head',
  );
  return row?.waiting ?? 0;
}

/** Conversations on two nodes over a bad database and a bad network. `CONVERSATION_SEEDS=500` tries as many seeds. */
import { afterAll, afterEach, beforeAll, describe as suite, expect, test, vi } from 'vitest';
import { pgliteFolder } from '../../../test/harness/pglite-folder.ts';
import { Relay } from '../../apps/conversations/relay.ts';
import type { Session } from '../../database/driver.ts';
import { systemScheduler } from '../../telemetry/system-clock.ts';
import { flow } from './operations.ts';
import { simulateConversations } from './simulate.ts';
import { SimulatedTables } from './tables.ts';
import { ConversationsWorld } from './world.ts';

/** So few that the suite stays fast. */
const SEEDS = Number(process.env['CONVERSATION_SEEDS'] ?? 3);
/** Of seeds that look for a planted bug. */
const MOST = 12;

let tables: SimulatedTables;
beforeAll(async () => {
  tables = await SimulatedTables.open(systemScheduler, await pgliteFolder());
}, 60_000);
afterAll(() => tables.stop());
afterEach(() => vi.restoreAllMocks());

test('the same seed twice ends the same', async () => {
  const once = await simulateConversations(4, tables, 60);
  expect(await simulateConversations(4, tables, 60)).toEqual(once);
}, 60_000);

test(
  'D-11, A-23: what is confirmed is there once and in order, in the table, the log and every reader, and unread counts are right',
  async () => {
    const sums = { confirmed: 0, killed: 0 };
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const { violation, confirmed, killed } = await simulateConversations(seed, tables);
      expect(violation?.message, `seed ${seed}`).toBeUndefined();
      sums.confirmed += confirmed;
      sums.killed += killed;
    }
    // Worlds in which nothing happens prove nothing.
    expect(sums.confirmed).toBeGreaterThan(SEEDS * 20);
    expect(sums.killed).toBeGreaterThan(0);
  },
  60_000 + SEEDS * 10_000,
);

test('D-36: with a clock that stands a message reaches its readers on both nodes: on its way nothing waits for a timer', async () => {
  const world = await ConversationsWorld.begin(7, tables);
  const [sender] = world.clients;
  if (sender === undefined) throw new Error('expected clients');
  const readers = world.clients.filter(({ topics }) => topics.includes('conversation.all'));
  const places = (): number[] => readers.map(({ places: at }) => at.get('conversation.all')?.sequence ?? 0);
  /** All that the network and the tables do by themselves, while no time passes. */
  const goOn = async (): Promise<void> => {
    for (let round = 0; round < 20; round += 1) {
      flow(world, 1);
      await world.rest();
    }
  };
  try {
    for (const [at, client] of world.clients.entries()) client.connect(world.nodeAt(at % 2 === 0 ? 0 : 0.9));
    await goOn();
    expect(readers.every(({ isFollowing }) => isFollowing)).toBe(true);
    expect(new Set(readers.map(({ node }) => node)).size).toBe(2);
    const stood = world.clock.now();
    for (let n = 1; n <= 3; n += 1) {
      sender.send('all');
      await goOn();
      expect([places(), sender.unconfirmed]).toEqual([readers.map(() => n), 0]);
    }
    expect(world.clock.now()).toBe(stood);
    // The clock does count: a database that takes its time is waited for, and for nothing beside it.
    for (const { database } of world.nodes) database.latencyMs = 100;
    sender.send('all');
    await goOn();
    expect([places(), sender.unconfirmed]).toEqual([readers.map(() => 3), 1]);
    for (let ms = 0; ms < 800; ms += 50) {
      world.clock.advance(50);
      await goOn();
    }
    expect([places(), sender.unconfirmed]).toEqual([readers.map(() => 4), 0]);
  } finally {
    for (const node of world.nodes) node.kill(0);
    await tables.settled();
  }
}, 60_000);

suite('planted bugs are found', () => {
  /** @param send what becomes of the sending statement */
  const plantInSending = (
    send: (session: Session, run: () => ReturnType<Session['query']>) => ReturnType<Session['query']>,
  ): void => {
    const acquire = tables.acquire.bind(tables);
    vi.spyOn(tables, 'acquire').mockImplementation(async () => {
      const session = await acquire();
      const query: Session['query'] = (text, values) =>
        text.includes('conversations.send(')
          ? send(session, () => session.query(text, values))
          : session.query(text, values);
      return { ...session, query };
    });
  };

  const bugs: Readonly<Record<string, () => void>> = {
    'a message is confirmed before its commit, which then fails': () => {
      let sent = 0;
      plantInSending(async (session, run) => {
        await session.begin();
        const answer = await run();
        sent += 1;
        await (sent % 5 === 0 ? session.rollback() : session.commit());
        return answer;
      });
    },
    'the relay takes for appended what is not': () => {
      vi.spyOn(Relay.prototype as unknown as { isAppended(): Promise<boolean> }, 'isAppended').mockResolvedValue(true);
    },
    'two messages get one number': () => {
      plantInSending(async (_, run) => {
        const { rows, count } = await run();
        const answers = JSON.parse((rows[0]?.['answers'] ?? '{}') as string) as { readonly all?: [string, number][] };
        for (const before of answers.all ?? []) before[1] = Math.max(0, before[1] - 1);
        return { rows: [{ answers: JSON.stringify(answers) }], count };
      });
    },
  };

  for (const [name, plant] of Object.entries(bugs))
    test(
      name,
      async () => {
        plant();
        let seed = 1;
        while (seed <= MOST && (await simulateConversations(seed, tables)).violation === null) seed += 1;
        expect(seed, `none of ${MOST} seeds finds it`).toBeLessThanOrEqual(MOST);
      },
      120_000,
    );
});

/** What a connect costs the database: as much for a user of 90 conversations as for one of a single one. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { app } from '../../src/apps/conversations/app.ts';
import { openAppNodes, type AppNodes } from '../harness/app-nodes.ts';
import { connect } from '../harness/client.ts';
import { POSTGRESQL } from '../harness/postgresql-server.ts';
import type { TestServer } from '../harness/server.ts';

/** Both topics of each are within the 200 subscriptions of a connection. */
const MANY = 90;
const CONNECTS = 5;
/** A relay looks once a second, so some of the connects have no other statement beside them. */
const QUIET_MS = 150;

async function statements(server: TestServer): Promise<number> {
  const text = await (await server.get('/metrics')).text();
  return Number(/^signalbox_database_query_seconds_count (\d+)/m.exec(text)?.[1]);
}

describe.skipIf(POSTGRESQL === null)('a connect', () => {
  let fleet: AppNodes;
  beforeAll(async () => {
    fleet = await openAppNodes(app);
    const { postgresql, url } = fleet;
    const name = new URL(url).pathname.slice(1);
    await postgresql.query(
      `with made as (
        insert into conversations.conversations (tenant, id, kind, epoch, created_by)
        select '', 'c-' || n, 'group', 'e-' || n, 'many' from generate_series(1, ${MANY}) as n)
      insert into conversations.members (tenant, conversation, user_id)
      select '', 'c-' || n, 'many' from generate_series(1, ${MANY}) as n
      union all values ('', 'c-1', 'one')`,
      name,
    );
  }, 60_000);
  afterAll(() => fleet.stop());

  /** @returns how many topics it follows */
  async function following(server: TestServer, user: string): Promise<number> {
    const client = await connect(server.port, { user });
    const { topics } = (await client.status('subscribed')) as { readonly topics: readonly string[] };
    await client.close();
    return topics.length;
  }

  /** Of the connect that had the fewest beside it. */
  async function costOf(user: string, topics: number): Promise<number> {
    const [server] = fleet.nodes;
    let least = Infinity;
    for (let at = 0; at < CONNECTS; at += 1) {
      const before = await statements(server);
      expect(await following(server, user)).toBe(topics);
      await delay(QUIET_MS);
      least = Math.min(least, (await statements(server)) - before);
    }
    return least;
  }

  test('D-03: asks the database as often for 90 conversations as for one', async () => {
    // Topics that nobody has asked for yet are looked up once.
    await following(fleet.nodes[0], 'many');
    const one = await costOf('one', 2);
    const many = await costOf('many', 2 * MANY);
    expect(one).toBeGreaterThan(0);
    expect(many).toBe(one);
  });
});

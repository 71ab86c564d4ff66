/** The node that is to say that a user is gone is killed before it says so: another node does. */
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { app } from '../../src/apps/conversations/app.ts';
import { builtFiles } from '../harness/built-server.ts';
import { connect, type Connection } from '../harness/client.ts';
import { POSTGRESQL, startPostgresql } from '../harness/postgresql-server.ts';
import { startScript } from '../harness/process.ts';
import { startRedis } from '../harness/redis-server.ts';
import { SETTINGS, startServer } from '../harness/server.ts';

/** So many starts find a busy machine at times. */
const START_MS = 120_000;
const NODE = fileURLToPath(new URL('../harness/killed-node.ts', import.meta.url));

/** What a client was told of somebody. */
function news(client: Connection, about: string): unknown[] {
  return client.frames.flatMap(({ type, data }) => {
    const { event, user } = (data.payload ?? {}) as { readonly event?: string; readonly user?: string };
    return type === 'Broadcast' && user === about && event?.startsWith('user_') === true ? [event] : [];
  });
}

const told = (client: Connection, wanted: string, about: string): Promise<unknown> =>
  client.waitFor(({ data }) => {
    const { event, user } = (data.payload ?? {}) as { readonly event?: string; readonly user?: string };
    return event === wanted && user === about;
  }, `${wanted} of ${about}`);

test.skipIf(POSTGRESQL === null)(
  'D-14: a node is killed between hearing that a user is gone and telling it: members hear it from another node, once',
  { timeout: 120_000 },
  async () => {
    const [postgresql, redis] = await Promise.all([startPostgresql(), startRedis()]);
    onTestFinished(() => {
      postgresql.end();
      redis.end();
    });
    const shared = {
      'database.url': await postgresql.database(),
      'database.migrate': 'true',
      'redis.url': redis.url,
      'rate_limiting.enabled': 'false',
      'presence.grace_secs': '1',
      'presence.batch_ms': '10',
    };
    const other = await startServer({ ...shared, 'server.node_name': 'other' }, [app]);
    const settings = { ...SETTINGS, ...shared, 'server.node_name': 'victim', 'logging.level': 'info' };
    const victim = await startScript(NODE, [JSON.stringify(settings), builtFiles()], START_MS);
    const bob = await connect(other.port, { user: 'bob' });
    await bob.ask('X-ConversationCreate', { kind: 'group', name: 'Trip', members: ['kim', 'lea'] });
    const kim = await connect(victim.port, { user: 'kim' });
    await told(bob, 'user_online', 'kim');
    // Subscribed when it came, and once more as one that has just been taken in, which asks the database: no statement is left.
    for (let times = 0; times < 2; times += 1) await kim.status('subscribed');
    // Its next statement is the one that finds out whom to tell.
    await fetch(`http://127.0.0.1:${victim.port}/apps/killer/arm/1`, { method: 'POST' });
    await kim.close();
    expect(await victim.exited).toBe(null);
    await told(bob, 'user_offline', 'kim');
    // A later word comes later: a second one about kim would be here by then.
    const lea = await connect(other.port, { user: 'lea' });
    await told(bob, 'user_online', 'lea');
    await lea.close();
    await told(bob, 'user_offline', 'lea');
    expect(news(bob, 'kim')).toEqual(['user_online', 'user_offline']);
  },
);

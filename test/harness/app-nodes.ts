/** Two nodes with applications, one PostgreSQL and one Redis. */
import type { App } from '../../src/apps/app.ts';
import { startPostgresql, type PostgresqlServer } from './postgresql-server.ts';
import { startRedis, type RedisServer } from './redis-server.ts';
import { openServer, type TestServer } from './server.ts';

export interface AppNodes {
  readonly nodes: readonly [TestServer, TestServer];
  readonly postgresql: PostgresqlServer;
  readonly redis: RedisServer;
  /** Of the database. */
  readonly url: string;
  readonly stop: () => Promise<void>;
}

export async function openAppNodes(app: App, settings: Readonly<Record<string, string>> = {}): Promise<AppNodes> {
  const [postgresql, redis] = await Promise.all([startPostgresql(), startRedis()]);
  const url = await postgresql.database();
  const open = (name: string): Promise<TestServer> =>
    openServer(
      {
        'database.url': url,
        'database.migrate': 'true',
        'redis.url': redis.url,
        'rate_limiting.enabled': 'false',
        'server.node_name': name,
        ...settings,
      },
      [app],
    );
  const nodes = await Promise.all([open('n1'), open('n2')]);
  const stop = async (): Promise<void> => {
    await Promise.all(nodes.map((node) => node.stop()));
    redis.end();
    postgresql.end();
  };
  return { nodes, postgresql, redis, url, stop };
}

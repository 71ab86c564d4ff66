/** Workers share a port and a Redis, and tell the backend as one service. */
import { expect, test } from 'vitest';
import { connect } from '../harness/client.ts';
import { eventually } from '../harness/deadline.ts';
import { startProcess } from '../harness/process.ts';
import { startRedis } from '../harness/redis-server.ts';
import { startWebhookBackend, WEBHOOK_SECRET } from '../harness/webhook-backend.ts';
import { queueDirectory } from '../harness/webhook-server.ts';

test.each(['file', 'shared'])(
  'with the queue %s every event of every worker comes',
  async (queue) => {
    const redis = await startRedis();
    const backend = await startWebhookBackend();
    const keys = [
      `redis.url=${redis.url}`,
      'server.workers=2',
      'admin.port=0',
      `apps.webhooks.url=${backend.url}`,
      'apps.webhooks.tell=node_started,connected,disconnected',
      `apps.webhooks.queue=${queue}`,
      `apps.webhooks.queue_dir=${queueDirectory()}`,
    ];
    const server = await startProcess(
      keys.flatMap((key) => ['--set', key]),
      { SIGNALBOX_APPS_WEBHOOKS_SECRET: WEBHOOK_SECRET, ADMIN_TOKEN: 'an admin token of the test, long enough' },
    );
    const started = (): Set<string> =>
      new Set(backend.events.filter(({ type }) => type === 'node_started').map(({ node }) => node));
    await eventually(() => started().size === 2, 'both workers to say that they have started', 30_000);
    for (let n = 0; n < 12; n += 1) await (await connect(server.port, { user: `user-${n}` })).close();
    await eventually(
      () => backend.events.filter(({ type }) => type === 'disconnected').length === 12,
      'all ends',
      30_000,
    );
    for (const told of Map.groupBy(
      backend.events.filter(({ connection }) => connection !== undefined),
      ({ connection }) => connection?.id,
    ).values())
      expect(told.map(({ type }) => type)).toEqual(['connected', 'disconnected']);
    await server.end();
  },
  60_000,
);

/** Two nodes on one Redis and one PostgreSQL: repetitions at both, tokens that all share, and what the log says of it all. */
import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connect } from '../../harness/client.ts';
import { BridgeRig } from '../../harness/bridge.ts';
import { TENANT } from '../../harness/bridge-tenant.ts';
import { within } from '../../harness/deadline.ts';
import { POSTGRESQL } from '../../harness/postgresql-server.ts';
import { startRedis, type RedisServer } from '../../harness/redis-server.ts';
import { messageOf, newWamid, webhookBody } from '../../fakes/graph-api.ts';

describe.skipIf(POSTGRESQL === null)('two nodes', () => {
  let redis: RedisServer;
  let rig: BridgeRig;
  beforeAll(async () => {
    redis = await startRedis();
    rig = await BridgeRig.open({ nodes: 2, settings: { 'redis.url': redis.url } });
  });
  afterAll(async () => {
    await rig.stop();
    redis.end();
  });

  test('W-10: the same webhook five times in parallel at two nodes is one message, and each time 200', async () => {
    const wamid = newWamid();
    const message = messageOf('491708880001', wamid, { type: 'text', text: { body: 'at both' } });
    const text = JSON.stringify(webhookBody(rig.meta.phoneNumberId, { messages: [message] }, '491708880001'));
    const signature = createHmac('sha256', rig.meta.appSecret).update(text).digest('hex');
    const headers = { 'content-type': 'application/json', 'x-hub-signature-256': `sha256=${signature}` };
    const post = async (n: number): Promise<number> => {
      const url = `${rig.nodes[n % 2]?.url ?? ''}/webhooks/whatsapp`;
      return (await within(fetch(url, { method: 'POST', headers, body: text }), url)).status;
    };
    const agent = await connect(rig.nodes[1]?.port ?? 0, { user: 'agent', claims: { tenant: TENANT } });
    expect(await Promise.all([0, 1, 2, 3, 4].map(post))).toEqual([200, 200, 200, 200, 200]);
    const isText = ({ type, data }: { type: string; data: { payload: unknown } }): boolean =>
      type === 'Broadcast' && (data.payload as { content?: string }).content === 'at both';
    await agent.waitFor(isText, 'the text at the other node');
    await rig.eventually(async () => (await rig.depth('inbound-whatsapp-messages')) === 0, 'the queue to be empty');
    await rig.eventually(() => rig.desk.inbox.length > 0, 'Genesys to have it');
    const { json } = await rig.ask('/apps/bridge/trace?number=491708880001');
    expect((json as { messages: unknown[] }).messages).toHaveLength(1);
    expect(agent.frames.filter(isText)).toHaveLength(1);
    expect(rig.desk.inbox.filter(({ text: said }) => said === 'at both')).toHaveLength(1);
  });

  test('W-20, W-21: one token for both nodes, readable as the guide reads it; masked unless asked for', async () => {
    const before = rig.desk.tokensMade;
    const asked = { tenant: '', roles: ['admin'], headers: { 'x-tenant-id': TENANT } };
    await rig.ask('/auth/token', asked);
    await redis.redis.del(`tenant:${TENANT}:oauth:token`);
    // A node looks again after a second.
    await rig.eventually(async () => {
      await rig.ask('/auth/token', asked);
      return (await redis.redis.exists(`tenant:${TENANT}:oauth:token`)) === 1;
    }, 'a new token after DEL');
    const path = '/auth/token';
    const all = await Promise.all(Array.from({ length: 20 }, () => rig.ask(path, asked)));
    expect(new Set(all.map(({ status }) => status))).toEqual(new Set([200]));
    expect(rig.desk.tokensMade - before).toBeLessThanOrEqual(2);
    const kept = JSON.parse((await redis.redis.get(`tenant:${TENANT}:oauth:token`)) ?? '{}') as { accessToken: string };
    expect(await redis.redis.ttl(`tenant:${TENANT}:oauth:token`)).toBeGreaterThan(3_000);
    const [masked] = all;
    expect(masked?.json).toEqual({ tenantId: TENANT, token: `****${kept.accessToken.slice(-4)}`, masked: true });
    expect((await rig.ask(`${path}?reveal=true`, asked)).json).toMatchObject({
      token: kept.accessToken,
      masked: false,
    });
    expect((await rig.ask(path, { ...asked, headers: { 'x-tenant-id': 'nobody' } })).status).toBe(502);
    expect((await rig.ask(path, { ...asked, headers: {} })).status).toBe(400);
    expect((await rig.ask(path)).status).toBe(403);
    expect((await rig.ask(path, { ...asked, roles: ['service'] })).status).toBe(403);
  });

  test('W-20: tokens that Genesys has ended are replaced by one for both nodes', async () => {
    const before = rig.desk.tokensMade;
    rig.desk.revokeTokens();
    const numbers = Array.from({ length: 10 }, (_, n) => `49170888100${n}`);
    await Promise.all(numbers.map((number) => rig.meta.say(number, 'after the end').taken));
    await rig.eventually(
      () => numbers.every((number) => rig.desk.inbox.some(({ from }) => from === number)),
      'Genesys to have all',
    );
    expect(rig.desk.tokensMade - before).toBe(1);
  });
});

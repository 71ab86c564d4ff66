/** "Where is my message": while it waits in a queue, when it was given up before it was written down, and over nodes. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BridgeRig } from '../../harness/bridge.ts';
import { TENANT } from '../../harness/bridge-tenant.ts';
import { POSTGRESQL } from '../../harness/postgresql-server.ts';
import { startRedis, type RedisServer } from '../../harness/redis-server.ts';

const NUMBER = '491709990001';

interface Step {
  readonly stage: string;
  readonly node: string;
  readonly reason?: string;
}

interface Answer {
  readonly messages: readonly { readonly id: string; readonly status: string; readonly steps: readonly Step[] }[];
  readonly inQueues: readonly {
    readonly queue: string;
    readonly state: string;
    readonly says: string;
    readonly steps: readonly Step[];
  }[];
}

describe.skipIf(POSTGRESQL === null)('the way of a message', () => {
  let redis: RedisServer;
  let rig: BridgeRig;
  beforeAll(async () => {
    redis = await startRedis();
    // Neither works at the queues: what comes stays there.
    rig = await BridgeRig.open({ nodes: 2, settings: { 'redis.url': redis.url, 'apps.bridge.works': 'false' } });
    await rig.addTenant({ id: 'globex', phoneNumberId: '900', integration: 'integration-2' });
    rig.meta.tell(`${rig.nodes[1]?.url}/webhooks/whatsapp`);
  });
  afterAll(async () => {
    await rig.stop();
    redis.end();
  });

  const texts: string[] = [];
  async function asked(query: string, tenant = TENANT): Promise<Answer> {
    const { status, json } = await rig.ask(`/apps/bridge/trace?${query}`, { tenant });
    expect(status).toBe(200);
    texts.push(JSON.stringify(json));
    return json as Answer;
  }
  const stages = (steps: readonly Step[] = []): readonly string[] => steps.map(({ stage }) => stage);

  test('W-38: in a queue, given up, replayed and told: each by the id or the number, at any node, and by nobody else', async () => {
    const { wamid, taken } = rig.meta.say(NUMBER, 'where am I');
    await taken;
    for (const query of [`wamid=${wamid}`, `number=${NUMBER}`]) {
      const { messages, inQueues } = await asked(query);
      expect(messages).toEqual([]);
      expect(inQueues).toMatchObject([
        { queue: 'inbound-whatsapp-messages', state: 'waiting', says: expect.stringContaining('It waits in') },
      ]);
      expect(stages(inQueues[0]?.steps)).toEqual(['received', 'verified', 'queued']);
      // The one that is asked has not taken it.
      expect(new Set(inQueues[0]?.steps.map(({ node }) => node))).toEqual(new Set(['n2']));
    }
    expect((await asked('wamid=wamid.other')).inQueues).toEqual([]);
    expect((await asked(`wamid=${wamid}`, 'globex')).inQueues).toEqual([]);
    expect((await asked(`number=${NUMBER}`, 'globex')).inQueues).toEqual([]);

    await rig.suspend(TENANT);
    await rig.start('worker', { 'apps.bridge.works': 'true' });
    await rig.eventually(async () => (await rig.dead('inbound-whatsapp-messages')).length === 1, 'the dead letter');
    await rig.suspend(TENANT, 'active');
    const { inQueues } = await asked(`wamid=${wamid}`);
    expect(inQueues).toMatchObject([{ state: 'dead', says: expect.stringContaining('the tenant is not active') }]);
    expect(inQueues[0]?.steps.at(-1)).toMatchObject({ stage: 'dead-letter', reason: 'the tenant is not active' });

    await rig.replay('inbound-whatsapp-messages');
    await rig.eventually(
      async () => (await asked(`number=${NUMBER}`)).messages[0]?.status === 'sent',
      'it to be with Genesys',
    );
    const told = await asked(`wamid=${wamid}`);
    expect(told.inQueues).toEqual([]);
    expect(stages(told.messages[0]?.steps)).toEqual(
      expect.arrayContaining(['received', 'verified', 'queued', 'taken', 'mapped', 'stored', 'conversation', 'desk']),
    );
    expect((await asked(`number=${NUMBER}`)).inQueues).toEqual([]);
  });

  test('W-38: each attempt has its reason, and no answer has a number, a wamid, a text or a secret', async () => {
    rig.meta.script.push({ status: 500 }, { status: 500 });
    const { id, taken } = rig.desk.say(NUMBER, 'an answer of an agent');
    await taken;
    await rig.eventually(
      async () => (await asked(`genesysId=${id}`)).messages[0]?.status === 'delivered',
      'the phone to have it',
    );
    const { steps = [] } = (await asked(`genesysId=${id}`)).messages[0] ?? {};
    expect(steps.filter(({ reason }) => reason === 'WhatsApp answered 500')).toHaveLength(2);
    expect(stages(steps)).toEqual(
      expect.arrayContaining(['received', 'verified', 'queued', 'taken', 'sending', 'pending', 'sent', 'delivered']),
    );
    for (const text of texts)
      for (const secret of [NUMBER, 'wamid.', 'where am I', 'an answer of', rig.meta.token, rig.desk.clientSecret])
        expect(text).not.toContain(secret);
  });
});

/** From the webhook to the agent's socket in one answer: the bridge's trace names what the server did, and the server's what the bridge did. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { verbs } from '../../../src/apps/bridge/verbs.ts';
import type { Settings } from '../../../src/apps/bridge/settings.ts';
import type { Shell } from '../../../src/apps/verb.ts';
import { Admin, ADMIN_TOKEN } from '../../harness/admin.ts';
import { BridgeRig } from '../../harness/bridge.ts';
import { TENANT } from '../../harness/bridge-tenant.ts';
import { connect } from '../../harness/client.ts';
import { POSTGRESQL } from '../../harness/postgresql-server.ts';
import { signalbox } from '../../harness/process.ts';
import { startRedis, type RedisServer } from '../../harness/redis-server.ts';

const NUMBER = '491709990011';

interface Traced {
  readonly id: string;
  readonly status: string;
  readonly steps: readonly { readonly stage: string }[];
  readonly published: {
    readonly id: string;
    readonly topic: string;
    readonly position: { readonly epoch: string | null; readonly sequence: number };
    readonly stages: readonly { readonly stage: string }[];
    readonly isTraced: boolean;
    readonly note: string | null;
    readonly recipients: readonly Readonly<Record<string, unknown>>[];
  } | null;
}

describe.skipIf(POSTGRESQL === null)('the whole way of a message', () => {
  let redis: RedisServer;
  let rig: BridgeRig;
  beforeAll(async () => {
    redis = await startRedis();
    rig = await BridgeRig.open({
      nodes: 2,
      settings: { 'redis.url': redis.url, 'admin.token': ADMIN_TOKEN, 'trace.topics': `${TENANT}/conversation.*` },
    });
    await rig.addTenant({ id: 'globex', phoneNumberId: '900', integration: 'integration-2' });
  });
  afterAll(async () => {
    await rig.stop();
    redis.end();
  });

  async function tracedUntil(query: string, status: string): Promise<Traced> {
    const of = async (): Promise<Traced | undefined> =>
      ((await rig.ask(`/apps/bridge/trace?${query}`)).json as { messages: readonly Traced[] }).messages[0];
    await rig.eventually(async () => (await of())?.status === status, `${query} to be ${status}`);
    return (await of()) as Traced;
  }

  async function agentOf(tenant: string) {
    const node = rig.nodes[1]?.port;
    if (node === undefined) throw new Error('expected two nodes');
    return connect(node, { user: 'agent', claims: { tenant } });
  }

  const names = (steps: readonly { readonly stage: string }[] = []): readonly string[] =>
    steps.map(({ stage }) => stage);

  test('W-38, W-43: by wamid, number, Genesys id or the id that the agent saw: webhook, queue, rows, topic, and the socket on the other node', async () => {
    const agent = await agentOf(TENANT);
    const { wamid, taken } = rig.meta.say(NUMBER, 'where am I');
    await taken;
    const heard = await agent.waitFor(
      ({ type, data }) => type === 'Broadcast' && (data.payload as { content?: string }).content === 'where am I',
      'the text of the customer',
    );
    const { id = '' } = heard;
    const first = await tracedUntil(`wamid=${wamid}`, 'sent');
    const genesysId = (first as unknown as { genesysId: string }).genesysId;
    for (const query of [`wamid=${wamid}`, `number=${NUMBER}`, `genesysId=${genesysId}`, `id=${id}`]) {
      const { steps, published } = await tracedUntil(query, 'sent');
      expect(names(steps)).toEqual(
        expect.arrayContaining(['received', 'verified', 'queued', 'taken', 'mapped', 'stored', 'conversation', 'desk']),
      );
      expect(published).toMatchObject({
        id,
        topic: heard.data.topic,
        position: { epoch: expect.any(String), sequence: 1 },
        isTraced: true,
        recipients: [{ node: 'n2', user: 'agent', end: 'written', at: expect.any(String) }],
      });
      expect(names(published?.stages)).toEqual(expect.arrayContaining(['validated', 'stored', 'queued', 'delivered']));
    }

    // Either node is asked, whichever has worked at it.
    for (const { port } of rig.nodes) {
      const { body } = await new Admin(port).get(`/admin/trace/${id}`);
      const { message } = body as { message: { stages: Record<string, number>; recipients: readonly unknown[] } };
      const { stages } = message;
      const ofBridge = ['received', 'queued', 'taken', 'stored', 'conversation', 'desk', 'sent'];
      const times = ofBridge.map((name) => stages[`bridge.${name}`]);
      expect(times).not.toContain(undefined);
      expect(stages['bridge.received']).toBeLessThanOrEqual(stages['stored'] ?? 0);
      expect(stages['bridge.queued']).toBeLessThanOrEqual(stages['bridge.taken'] ?? 0);
      expect(message.recipients).toHaveLength(1);
      const url = `http://127.0.0.1:${port}`;
      const { out } = await signalbox(['trace', id, '--url', url, '--token', ADMIN_TOKEN]);
      for (const name of ofBridge) expect(out).toMatch(new RegExp(`^bridge\\.${name} +20`, 'm'));
      expect(out).toMatch(/ {2}agent on n2-\S+: written 20/);
    }
  });

  test('W-38: what an agent at Genesys writes is named by both, as far as the phone', async () => {
    const agent = await agentOf(TENANT);
    const { id: genesysId, taken } = rig.desk.say(NUMBER, 'you are here');
    await taken;
    const { published } = await tracedUntil(`genesysId=${genesysId}`, 'delivered');
    expect(published?.recipients).toEqual([expect.objectContaining({ user: 'agent', end: 'written' })]);
    const { body } = await new Admin(rig.node.port).get(`/admin/trace/${published?.id}`);
    const { message } = body as { message: { stages: Record<string, number> } };
    for (const name of ['received', 'queued', 'conversation', 'sending', 'sent', 'delivered'])
      expect(message.stages).toHaveProperty([`bridge.${name}`]);
    await agent.close();
  });

  test('W-38: of a topic that nobody traces the steps are kept all the same, and who follows it is named with where the connection stands', async () => {
    const agent = await agentOf('globex');
    const ofAcme = rig.meta.phoneNumberId;
    rig.meta.phoneNumberId = '900';
    const { wamid, taken } = rig.meta.say(NUMBER, 'nobody traces me');
    rig.meta.phoneNumberId = ofAcme;
    await taken;
    const { id = '' } = await agent.waitFor(
      ({ type, data }) => type === 'Broadcast' && (data.payload as { event?: string }).event === 'message',
      'the text of the customer',
    );
    // Its Genesys does not know it; its conversation does.
    const told = async (): Promise<Traced['published']> => {
      const { json } = await rig.ask(`/apps/bridge/trace?wamid=${wamid}`, { tenant: 'globex' });
      return (json as { messages: readonly Traced[] }).messages[0]?.published ?? null;
    };
    await rig.eventually(async () => (await told()) !== null, 'it to be told');
    const published = await told();
    expect(published).toMatchObject({
      id,
      isTraced: false,
      note: expect.stringContaining('not in the trace'),
      recipients: [{ node: 'n2', user: 'agent', end: 'unknown', says: expect.stringContaining('stands at position') }],
    });
    const url = `http://127.0.0.1:${rig.node.port}`;
    const { out } = await signalbox(['trace', id, '--url', url, '--token', ADMIN_TOKEN]);
    expect(out).toContain('the message is not in the trace');
    expect(out).toMatch(/^bridge\.received +20/m);
    expect(out).toContain('  agent may have got it');
    // Nobody of another tenant finds it by that id.
    const others = await rig.ask(`/apps/bridge/trace?id=${id}`, { tenant: TENANT });
    expect((others.json as { messages: readonly Traced[] }).messages).toEqual([]);
  });

  test('W-38: the verb prints the steps, the place and each recipient, and no number', async () => {
    const agent = await agentOf(TENANT);
    const number = '491709990012';
    const { wamid, taken } = rig.meta.say(number, 'for the verb');
    await taken;
    await agent.waitFor(({ type }) => type === 'Broadcast', 'the text of the customer');
    const { published } = await tracedUntil(`wamid=${wamid}`, 'sent');
    for (const words of [[wamid], [`+${number}`], [published?.id ?? '']]) {
      const lines: string[] = [];
      const shell = {
        words,
        print: (line: string) => void lines.push(line),
        request: async (_method: string, path: string) => {
          const { status, json } = await rig.ask(path);
          return { status, body: json };
        },
      } as Pick<Shell<Settings>, 'words' | 'print' | 'request'> as Shell<Settings>;
      expect(await verbs.find(({ name }) => name === 'trace')?.run(shell)).toBe(0);
      const text = lines.join('\n');
      expect(text).toMatch(/^ {2}received +20/m);
      expect(text).toMatch(/^ {2}desk +20/m);
      expect(text).toMatch(/^ {2}published as \d+-1-\S+ in conversation\.whatsapp-\S+, position 1 of epoch \S+$/m);
      expect(text).toMatch(/^ {4}delivered +20/m);
      expect(text).toMatch(/^ {4}agent on n2-\S+: written 20/m);
      expect(text).not.toContain(number);
      expect(text).not.toContain('wamid.');
    }
  });
});

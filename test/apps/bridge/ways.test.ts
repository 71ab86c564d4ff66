/** Both ways over real sockets: from a phone to an agent of this server and to Genesys, and back to the phone. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connect } from '../../harness/client.ts';
import { BridgeRig } from '../../harness/bridge.ts';
import { BRIDGE_QUEUES, openBridgeQueues, type BridgeQueues } from '../../harness/bridge-queues.ts';
import { TENANT } from '../../harness/bridge-tenant.ts';
import { POSTGRESQL } from '../../harness/postgresql-server.ts';

describe.skipIf(POSTGRESQL === null).each(BRIDGE_QUEUES)('the bridge, queues: %s', (kind) => {
  let rig: BridgeRig;
  let queues: BridgeQueues;
  beforeAll(async () => {
    queues = await openBridgeQueues(kind);
    rig = await BridgeRig.open({ settings: queues.settings });
  });
  afterAll(async () => {
    await rig.stop();
    queues.end();
  });

  test('W-08, W-13, W-36, W-38, W-43: a text of a customer comes to an agent on a socket, and to Genesys under an id of ours', async () => {
    const agent = await connect(rig.node.port, { user: 'agent', claims: { tenant: TENANT } });
    const { wamid, taken } = rig.meta.say('491701234501', 'Hello there');
    await taken;
    expect(rig.meta.server.answers).toContain(200);
    const frame = await agent.waitFor(
      ({ type, data }) => type === 'Broadcast' && (data.payload as { event?: string }).event === 'message',
      'the text of the customer',
    );
    expect(frame.data.payload).toMatchObject({ type: 'text', content: 'Hello there', n: 1 });
    await rig.eventually(() => rig.desk.inbox.some(({ text }) => text === 'Hello there'), 'Genesys to have it');
    const item = rig.desk.inbox.find(({ text }) => text === 'Hello there');
    expect(item).toMatchObject({ from: '491701234501' });
    await rig.eventually(async () => (await rig.traced(`wamid=${wamid}`))[0]?.['status'] === 'sent', 'its trace');
    const [traced = {}] = await rig.traced(`wamid=${wamid}`);
    expect(traced).toMatchObject({ id: item?.messageId, direction: 'in', number: '+49…01', genesysId: item?.id });
    expect((traced['steps'] as readonly { stage: string }[]).map(({ stage }) => stage)).toEqual(
      expect.arrayContaining(['received', 'queued', 'taken', 'stored', 'conversation', 'desk', 'sent']),
    );
  });

  test('W-16, W-12: an answer of an agent at Genesys goes to the phone once, and what becomes of it comes back', async () => {
    const { wamid: question, taken: asked } = rig.meta.say('491701234502', 'a question');
    await asked;
    // Two queues have no order between them, and a customer who writes after the answer counts as having read it.
    await rig.eventually(async () => (await rig.traced(`wamid=${question}`))[0]?.['status'] === 'sent', 'the question');
    const agent = await connect(rig.node.port, { user: 'agent', claims: { tenant: TENANT } });
    const { id, taken } = rig.desk.say('491701234502', 'an answer');
    await taken;
    await rig.eventually(() => rig.meta.phone('491701234502').length === 1, 'the phone to have it');
    expect(rig.meta.phone('491701234502')).toEqual(['an answer']);
    await rig.eventually(
      async () => (await rig.traced(`genesysId=${id}`))[0]?.['status'] === 'delivered',
      'its status',
    );
    await rig.eventually(
      () => rig.desk.receipts.some((one) => one.id === id && one.status === 'Delivered'),
      'the receipt',
    );
    const frame = await agent.waitFor(
      ({ type, data }) => type === 'Broadcast' && (data.payload as { event?: string }).event === 'delivered',
      'the position of the customer',
    );
    expect(frame.data.payload).toMatchObject({ user: expect.stringMatching(/^customer-/), to: expect.any(Number) });
    const [traced] = await rig.traced(`genesysId=${id}`);
    const reference = rig.meta.sent.find(({ to }) => to === '491701234502')?.reference;
    expect(traced).toMatchObject({ id: reference, direction: 'out', hasWamid: true });
    // A message that was read stays so, whatever comes late.
    const { wamid = '' } = rig.meta.sent.find(({ to }) => to === '491701234502') ?? {};
    const news = (status: string) => ({ id: wamid, status, timestamp: '1', recipient_id: '491701234502' });
    for (const status of ['read', 'sent', 'delivered', 'failed']) await rig.meta.status(news(status));
    await rig.eventually(async () => (await rig.traced(`genesysId=${id}`))[0]?.['status'] === 'read', 'the end');
  });

  test('W-14: the conversation of a number, with a + that is a space, and none of others', async () => {
    await rig.meta.say('491701234503', 'hi').taken;
    await rig.addTenant({ id: 'globex', phoneNumberId: '900', integration: 'integration-2' });
    const path = '/state/conversation?whatsappNumber=';
    await rig.eventually(async () => (await rig.ask(`${path}+491701234503`)).status === 200, 'the mapping');
    const { json } = await rig.ask(`${path}%2B491701234503`);
    expect(json).toMatchObject({ status: 'active', conversation: expect.stringMatching(/^whatsapp-/) });
    expect((await rig.ask(`${path}+491700000000`)).status).toBe(404);
    expect((await rig.ask(`${path}+491701234503`, { tenant: 'globex' })).status).toBe(404);
    expect((await rig.ask(`${path}+491701234503`, { tenant: '' })).status).toBe(400);
    const asBackend = { tenant: '', headers: { 'x-tenant-id': TENANT } };
    expect((await rig.ask(`${path}+491701234503`, asBackend)).status).toBe(200);
    const contradiction = { headers: { 'x-tenant-id': 'other' } };
    expect((await rig.ask(`${path}+491701234503`, contradiction)).status).toBe(403);
  });

  test('W-17: what we injected comes back and is dropped; the message of an agent with any UUID is not', async () => {
    rig.desk.echoes = true;
    await rig.meta.say('491701234504', 'echo me').taken;
    await rig.eventually(() => rig.desk.inbox.some(({ text }) => text === 'echo me'), 'Genesys to have it');
    const { taken } = rig.desk.say('491701234504', 'no echo');
    await taken;
    await rig.eventually(() => rig.meta.phone('491701234504').includes('no echo'), 'the phone to have it');
    rig.desk.echoes = false;
    expect(rig.meta.phone('491701234504')).toEqual(['no echo']);
  });
});

/** Webhooks are answered whatever is slow behind them, history is that of the conversation, and lines of the log name tenants and nobody else. */
import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BridgeRig } from '../../harness/bridge.ts';
import { TENANT } from '../../harness/bridge-tenant.ts';
import { POSTGRESQL } from '../../harness/postgresql-server.ts';
import { messageOf, newWamid, webhookBody } from '../../fakes/graph-api.ts';

const NUMBER = '491707770001';
/** What Meta waits for. */
const BOUND_MS = 3_000;

describe.skipIf(POSTGRESQL === null)('behind a webhook', () => {
  let rig: BridgeRig;
  beforeAll(async () => {
    rig = await BridgeRig.open({ settings: { 'apps.bridge.answer_ms': '1000' } });
    await rig.addTenant({ id: 'globex', phoneNumberId: '900', integration: 'integration-2' });
  });
  afterAll(() => rig.stop());

  async function post(text: string, secret = rig.meta.appSecret): Promise<{ status: number; ms: number }> {
    const began = performance.now();
    const signature = `sha256=${createHmac('sha256', secret).update(text).digest('hex')}`;
    const { status } = await fetch(`${rig.node.url}/webhooks/whatsapp`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-hub-signature-256': signature },
      body: text,
    });
    return { status, ms: performance.now() - began };
  }

  const bodyOf = (phoneNumberId: string, own: object, wamid = newWamid()): string =>
    JSON.stringify(webhookBody(phoneNumberId, { messages: [messageOf(NUMBER, wamid, { ...own })] }, NUMBER));

  test('W-09: a slow file delays no answer', async () => {
    rig.meta.files.set('slow', { bytes: new Uint8Array(10), mime: 'image/png', slowMs: 2_000 });
    const image = await post(
      bodyOf(rig.meta.phoneNumberId, { type: 'image', image: { id: 'slow', mime_type: 'image/png' } }),
    );
    expect(image.status).toBe(200);
    expect(image.ms).toBeLessThan(BOUND_MS);
  });

  test('W-36: messages of both sides are in the history of the conversation, and there is no second one', async () => {
    const { wamid, taken } = rig.meta.say('491707770036', 'a question');
    await taken;
    await rig.eventually(async () => (await rig.traced(`wamid=${wamid}`))[0]?.['status'] === 'sent', 'the question');
    const { id, taken: told } = rig.desk.say('491707770036', 'an answer');
    await told;
    await rig.eventually(
      async () => (await rig.traced(`genesysId=${id}`))[0]?.['status'] === 'delivered',
      'the answer',
    );
    const [{ conversation } = {}] = await rig.traced(`genesysId=${id}`);
    const { json } = await rig.ask(`/conversations/${String(conversation)}/messages`, {
      user: 'agent',
      roles: ['user'],
    });
    const text = JSON.stringify(json);
    expect(text).toContain('a question');
    expect(text).toContain('an answer');
  });

  test('W-41: a line about a tenant names it, the wrong signature too; none has a number, a wamid, a text or a secret', async () => {
    const text = bodyOf(rig.meta.phoneNumberId, { type: 'text', text: { body: 'private words' } });
    expect((await post(text, 'wrong')).status).toBe(403);
    rig.meta.script.push({ status: 400 });
    const { id, taken } = rig.desk.say(NUMBER, 'private words');
    await taken;
    await rig.eventually(async () => (await rig.traced(`genesysId=${id}`))[0]?.['status'] === 'failed', 'the end');
    const wrong = rig.lines.find(({ message }) => message === 'Invalid Meta signature');
    expect(wrong?.fields).toMatchObject({ tenant: TENANT, body_sha256: expect.stringMatching(/^[0-9a-f]{64}$/) });
    expect(rig.lines.filter(({ fields }) => fields['tenant'] === undefined)).toEqual([]);
    const all = JSON.stringify(rig.lines);
    const { meta, desk } = rig;
    for (const secret of [
      NUMBER,
      'wamid.',
      'private words',
      meta.token,
      meta.appSecret,
      desk.clientSecret,
      desk.webhookSecret,
    ])
      expect(all).not.toContain(secret);
  });
});

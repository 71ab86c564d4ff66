/** Webhooks that are good, bad, too large, repeated, of others and of nobody: each as the rows say, and the server lives. */
import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BridgeRig } from '../../harness/bridge.ts';
import { TENANT } from '../../harness/bridge-tenant.ts';
import { within } from '../../harness/deadline.ts';
import { POSTGRESQL } from '../../harness/postgresql-server.ts';
import { messageOf, newWamid, webhookBody } from '../../fakes/graph-api.ts';

const NUMBER = '491705550001';
const TEXT = { type: 'text', text: { body: 'hello' } };
/** Of a busy machine. */
const SLACK_MS = 2_000;

describe.skipIf(POSTGRESQL === null)('webhooks', () => {
  let rig: BridgeRig;
  beforeAll(async () => {
    rig = await BridgeRig.open({ settings: { 'rate_limiting.enabled': 'true' } });
    await rig.addTenant({
      id: 'globex',
      phoneNumberId: '900',
      integration: 'integration-2',
      appSecret: 'another secret',
    });
  });
  afterAll(() => rig.stop());

  interface Sent {
    readonly path?: string;
    readonly secret?: string;
    readonly encoding?: 'hex' | 'base64';
    readonly signature?: string | null;
    readonly type?: string;
  }

  async function post(text: string, sent: Sent = {}): Promise<{ status: number; body: string }> {
    const {
      path = '/webhooks/whatsapp',
      secret = rig.meta.appSecret,
      encoding = 'hex',
      type = 'application/json',
    } = sent;
    const made = `sha256=${createHmac('sha256', secret).update(text).digest(encoding)}`;
    const signature = sent.signature === undefined ? made : sent.signature;
    const headers = { 'content-type': type, ...(signature !== null && { 'x-hub-signature-256': signature }) };
    const response = await within(
      fetch(`${rig.node.url}${path}`, { method: 'POST', headers, body: text }),
      'the answer',
    );
    return { status: response.status, body: await response.text() };
  }

  function textBy(number: string, body: string, wamid = newWamid()): string {
    const message = messageOf(number, wamid, { type: 'text', text: { body } });
    return JSON.stringify(webhookBody(rig.meta.phoneNumberId, { messages: [message] }, number));
  }

  const statusOf = async (wamid: string): Promise<unknown> => (await rig.traced(`wamid=${wamid}`))[0]?.['status'];

  test('W-04: the handshake echoes the challenge as text, and nothing else', async () => {
    const shake = async (query: string) => {
      const response = await rig.node.get(`/webhooks/whatsapp?${query}`);
      return { status: response.status, type: response.headers.get('content-type'), text: await response.text() };
    };
    const good = 'hub.mode=subscribe&hub.verify_token=a%20word%20of%20ours';
    expect(await shake(`${good}&hub.challenge=1158201444`)).toEqual({
      status: 200,
      type: 'text/plain; charset=utf-8',
      text: '1158201444',
    });
    expect(await shake(`${good}&hub.challenge=%3Cscript%3Ealert(1)%3C/script%3E`)).toMatchObject({
      status: 200,
      type: 'text/plain; charset=utf-8',
      text: '<script>alert(1)</script>',
    });
    for (const bad of [
      'hub.mode=subscribe&hub.verify_token=wrong&hub.challenge=1',
      'hub.mode=unsubscribe&hub.verify_token=a%20word%20of%20ours&hub.challenge=1',
      good,
      `${good}&hub.challenge=1&hub.challenge=2`,
      `${good}&hub.verify_token=wrong&hub.challenge=1`,
      `hub.mode=subscribe&hub.challenge=1`,
      `${good}&hub.challenge=${'x'.repeat(2_000)}`,
      '',
    ])
      expect((await shake(bad)).status, bad).toBe(403);
  });

  test('W-09, W-41: while the lookup of a tenant hangs, a webhook is answered in time, and those of tenants that are known go on', async () => {
    expect((await post(textBy(NUMBER, 'known'))).status).toBe(200);
    const database = rig.tenantTables;
    if (database === null) throw new Error('expected tables of tenants');
    const unknown = JSON.stringify(webhookBody('901', { messages: [messageOf(NUMBER, newWamid(), TEXT)] }, NUMBER));
    await database.transaction(async (tables) => {
      await database.sql`lock table tenants.handles in access exclusive mode`.execute(tables);
      const began = performance.now();
      const answers = await Promise.all([post(unknown), post(textBy(NUMBER, 'known too'))]);
      expect(answers.map(({ status }) => status)).toEqual([503, 200]);
      expect(performance.now() - began).toBeLessThan(3_000 + SLACK_MS);
    });
    expect((await post(unknown)).body).toBe('{"status":"ignored"}');
  });

  test('W-05: the bytes are signed as they came; one that differs, in the body or the signature, is refused', async () => {
    const wamid = newWamid();
    const odd = `  ${textBy(NUMBER, 'x', wamid).replace('"x"', '"caf\\u00e9"').replaceAll(':', ' :\n ')}  `;
    expect(await post(odd)).toEqual({ status: 200, body: '{"status":"queued"}' });
    await rig.eventually(async () => (await statusOf(wamid)) === 'sent', 'the message');
    const signature = createHmac('sha256', rig.meta.appSecret).update(odd).digest('hex');
    const flipped = signature.startsWith('0') ? `1${signature.slice(1)}` : `0${signature.slice(1)}`;
    for (const [text, given] of [
      [odd, `sha256=${flipped}`],
      [odd.replace('caf', 'cag'), `sha256=${signature}`],
      [odd.trim(), `sha256=${signature}`],
      [odd, null],
      [odd, ''],
      [odd, 'sha256='],
      [odd, `sha1=${signature}`],
      [odd, `sha256=${signature.slice(2)}`],
      [odd, `sha256=${'é'.repeat(64)}`.normalize('NFKD').replaceAll(/[^\x20-\x7e]/g, 'e')],
    ] as const) {
      const refused = await post(text, { signature: given });
      expect(refused, String(given)).toEqual({ status: 403, body: '{"error":"Invalid Meta signature"}' });
    }
    // C-14: either encoding, of either side.
    expect((await post(textBy(NUMBER, 'base64'), { encoding: 'base64' })).status).toBe(200);
    expect(
      (
        await post(textBy(NUMBER, 'bare'), {
          signature: createHmac('sha256', rig.meta.appSecret).update('').digest('hex'),
        })
      ).status,
    ).toBe(403);
  });

  test('W-06: JSON alone, of a bounded size', async () => {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/jsonp', ''])
      expect((await post(textBy(NUMBER, 'a'), { type })).status, type).toBe(415);
    expect((await post(textBy(NUMBER, 'a'), { type: 'application/json; charset=utf-8' })).status).toBe(200);
    expect((await post(textBy(NUMBER, 'x'.repeat(11_000_000)))).status).toBe(413);
    for (const text of [
      '',
      '{',
      'null',
      '[]',
      '{"object":"page"}',
      '{"object":"whatsapp_business_account","entry":{}}',
    ])
      expect([200, 400], text).toContain((await post(text)).status);
    expect((await rig.node.get('/health')).status).toBe(200);
  });

  test('W-07: changes of two numbers go to two tenants by their own secrets, and one of nobody loses neither', async () => {
    const [mine, theirs] = [newWamid(), newWamid()];
    const change = (phoneNumberId: string, wamid: string) => ({
      field: 'messages',
      value: {
        messaging_product: 'whatsapp',
        metadata: { phone_number_id: phoneNumberId },
        messages: [messageOf(NUMBER, wamid, { type: 'text', text: { body: `to ${phoneNumberId}` } })],
      },
    });
    const changes = [change('no such number', newWamid()), change(rig.meta.phoneNumberId, mine), change('900', theirs)];
    const text = JSON.stringify({ object: 'whatsapp_business_account', entry: [{ id: '1', changes }] });
    // The secret of one app signs: what is of the other tenant is not believed.
    expect((await post(text)).status).toBe(200);
    await rig.eventually(async () => (await statusOf(mine)) === 'sent', 'the message of the first');
    expect((await rig.ask(`/apps/bridge/trace?wamid=${theirs}`, { tenant: 'globex' })).json).toMatchObject({
      messages: [],
    });
    expect((await post(text, { secret: 'another secret' })).status).toBe(200);
    await rig.eventually(async () => {
      const { json } = await rig.ask(`/apps/bridge/trace?wamid=${theirs}`, { tenant: 'globex' });
      return (json as { messages: unknown[] }).messages.length === 1;
    }, 'the message of the second');
    expect((await rig.ask(`/apps/bridge/trace?wamid=${mine}`, { tenant: 'globex' })).json).toMatchObject({
      messages: [],
    });
    const unknown = JSON.stringify({
      object: 'whatsapp_business_account',
      entry: [{ id: '1', changes: [changes[0]] }],
    });
    expect(await post(unknown)).toEqual({ status: 200, body: '{"status":"ignored"}' });
  });

  test('W-10: the same webhook five times at once is one message', async () => {
    const wamid = newWamid();
    const text = textBy('491705550010', 'once', wamid);
    const answers = await Promise.all(Array.from({ length: 5 }, () => post(text)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    await rig.eventually(async () => (await statusOf(wamid)) === 'sent', 'the message');
    const { json } = await rig.ask(`/apps/bridge/trace?number=491705550010`);
    expect((json as { messages: unknown[] }).messages).toHaveLength(1);
    expect(rig.desk.inbox.filter(({ text: said }) => said === 'once')).toHaveLength(1);
  });

  test('W-11: a kind that nobody knows is kept as it came, and a message of tomorrow is of today', async () => {
    const { wamid, taken } = rig.meta.say('491705550011', {
      type: 'hologram',
      hologram: { depth: 3 },
      timestamp: '99999999999',
    });
    await taken;
    await rig.eventually(async () => (await statusOf(wamid)) === 'sent', 'the message');
    expect((await rig.traced(`wamid=${wamid}`))[0]).toMatchObject({ kind: 'unsupported' });
    expect(rig.desk.inbox.some(({ text }) => text === '[unsupported: hologram]')).toBe(true);
  });

  test('W-17, W-25: Genesys is believed by its own secret; a tenant that is not active is not served', async () => {
    const say = (text: string) => JSON.stringify(rig.desk.outbound('id-1', NUMBER, { type: 'Text', text }));
    const genesys = { path: '/webhooks/genesys', secret: rig.desk.webhookSecret };
    expect((await post(say('hex'), { ...genesys, encoding: 'hex' })).status).toBe(200);
    expect((await post(say('b64'), { ...genesys, encoding: 'base64' })).status).toBe(200);
    expect(await post(say('bad'), { ...genesys, secret: 'wrong' })).toEqual({
      status: 403,
      body: '{"error":"Invalid Genesys signature"}',
    });
    const stranger = say('x').replace(rig.desk.integration, 'nobody').replace(rig.desk.integration, 'nobody');
    expect((await post(stranger, genesys)).status).toBe(403);
    for (const text of ['[]', '{}', '{"id":1}']) expect((await post(text, genesys)).status, text).toBe(400);
    await rig.suspend(TENANT);
    expect(await post(say('suspended'), { ...genesys, encoding: 'base64' })).toMatchObject({ status: 403 });
    expect(await post(textBy(NUMBER, 'suspended'))).toEqual({ status: 200, body: '{"status":"ignored"}' });
    await rig.suspend(TENANT, 'active');
    expect((await post(textBy(NUMBER, 'again'))).status).toBe(200);
  });
});

/** WhatsApp and Genesys refuse what the bridge sends them: the fault is made at their side, and doctor names it. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ADMIN_TOKEN } from '../harness/admin.ts';
import { BridgeRig } from '../harness/bridge.ts';
import { POSTGRESQL } from '../harness/postgresql-server.ts';
import { named } from '../harness/symptoms.ts';

const [CUSTOMER, OTHER] = ['491705550002', '491705550003'];

describe.skipIf(POSTGRESQL === null)('the two sides of the bridge', () => {
  let rig: BridgeRig;
  beforeAll(async () => {
    rig = await BridgeRig.open({ settings: { 'admin.token': ADMIN_TOKEN, 'apps.bridge.attempts': '3' } });
  });
  afterAll(() => rig.stop());
  beforeEach(() => {
    rig.meta.script.length = 0;
    rig.desk.script.length = 0;
  });

  const here = (): { node: string; isHere: boolean } => ({ node: rig.node.url, isHere: true });
  const written = (text: string): boolean => rig.desk.inbox.some((item) => item.text === text);

  test('Genesys takes the credentials no longer: no token, and messages of customers wait', async () => {
    await rig.meta.say(CUSTOMER, 'before').taken;
    await rig.eventually(() => written('before'), 'Genesys to have it');
    rig.desk.revokeTokens();
    rig.desk.script.push(...Array.from({ length: 100 }, () => ({ status: 401, body: { error: 'invalid_client' } })));
    await rig.meta.say(CUSTOMER, 'meanwhile').taken;
    await rig.eventually(() => rig.desk.script.length < 98, 'it to be refused');
    expect((await named('genesys-credentials', here())).cure).toContain('GET /auth/token');
    rig.desk.script.length = 0;
  });

  test('Genesys refuses the message', async () => {
    await rig.meta.say(OTHER, 'good').taken;
    await rig.eventually(() => written('good'), 'Genesys to have it');
    rig.desk.script.push({ status: 400, body: { status: 400, code: 'bad.request' } });
    await rig.meta.say(OTHER, 'bad').taken;
    await rig.eventually(() => rig.desk.script.length === 0, 'it to be refused');
    expect((await named('genesys-refuses', here())).cure).toContain('./signalbox bridge trace');
  });

  test('the access token of WhatsApp has ended', async () => {
    const good = rig.meta.token;
    rig.meta.token = 'another-token';
    await rig.desk.say(CUSTOMER, 'no token').taken;
    expect((await named('whatsapp-token', here())).cure).toContain('make a new one at Meta');
    rig.meta.token = good;
  });

  test('WhatsApp takes no more at the moment, and refuses a message', async () => {
    rig.meta.script.push({ status: 429, headers: { 'retry-after': '1' } });
    await rig.desk.say(CUSTOMER, 'too many').taken;
    expect((await named('whatsapp-limit', here())).cure).toContain('apps.bridge.messages_per_second');
    rig.meta.script.push({ status: 400, body: { error: { code: 131_009, message: 'Parameter value is not valid' } } });
    await rig.desk.say(OTHER, 'wrong').taken;
    expect((await named('whatsapp-refuses', here())).cure).toContain('dead letters');
  });

  test('WhatsApp is away', async () => {
    rig.meta.script.push(...Array.from({ length: 3 }, () => ({ status: 503 })));
    await rig.desk.say(CUSTOMER, 'never').taken;
    expect((await named('whatsapp-away', here())).cure).toContain('messages are tried again');
  });
});

/** Webhooks of Meta that are refused: the fault is made at a running bridge, and doctor names it as docs/troubleshooting.md says. */
import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { messageOf, newWamid, webhookBody } from '../fakes/graph-api.ts';
import { ADMIN_TOKEN } from '../harness/admin.ts';
import { BridgeRig } from '../harness/bridge.ts';
import { SEAL_KEYS } from '../harness/bridge-tenant.ts';
import { POSTGRESQL } from '../harness/postgresql-server.ts';
import { named } from '../harness/symptoms.ts';

const NUMBER = '491705550001';

describe.skipIf(POSTGRESQL === null)('webhooks of Meta', () => {
  let rig: BridgeRig;
  beforeAll(async () => {
    rig = await BridgeRig.open({ settings: { 'admin.token': ADMIN_TOKEN } });
  });
  afterAll(() => rig.stop());

  async function post(body: string, secret: string, signed = body): Promise<number> {
    const signature = `sha256=${createHmac('sha256', secret).update(signed).digest('hex')}`;
    const headers = { 'content-type': 'application/json', 'x-hub-signature-256': signature };
    const response = await fetch(`${rig.node.url}/webhooks/whatsapp`, { method: 'POST', headers, body });
    return response.status;
  }

  function webhook(): string {
    const message = messageOf(NUMBER, newWamid(), { type: 'text', text: { body: 'hello' } });
    return JSON.stringify(webhookBody(rig.meta.phoneNumberId, { messages: [message] }, NUMBER));
  }

  test('the console of Meta has another verify token', async () => {
    const query = 'hub.mode=subscribe&hub.verify_token=a%20word%20of%20theirs&hub.challenge=1';
    expect((await rig.node.get(`/webhooks/whatsapp?${query}`)).status).toBe(403);
    const { line, cure } = await named('verify-token-other', { node: rig.node.url, isHere: true });
    expect(line).not.toContain('a word of');
    expect(cure).toContain('apps.bridge.verify_token');
  });

  test('the app secret is another, and a proxy writes the body anew', async () => {
    expect(await post(webhook(), 'the secret of another app')).toBe(403);
    const body = webhook();
    expect(await post(JSON.stringify(JSON.parse(body), null, 2), rig.meta.appSecret, body)).toBe(403);
    const { line, cure } = await named('meta-signature', { node: rig.node.url, isHere: true });
    expect(line).toContain('meta_signature: 2 times, of one tenant');
    expect(cure).toContain('app secret');
  });

  test('no verify token is configured', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'signalbox-bridge-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const file = join(folder, 'bridge.toml');
    const others = `[apps.conversations]\n[apps.tenants]\n[apps.media]\nfolder = ${JSON.stringify(folder)}\n`;
    writeFileSync(file, `${others}[apps.bridge]\nagents = ["ada"]\n`);
    const environment = { SIGNALBOX_APPS_TENANTS_SEAL_KEYS: SEAL_KEYS };
    const { cure } = await named('verify-token-missing', { args: ['--config', file], environment });
    expect(cure).toContain('console of Meta');
  });
});

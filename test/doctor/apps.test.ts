/** What applications need and lose: the disk and the S3 of uploads, the backend of webhooks. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { FakeS3 } from '../fakes/s3.ts';
import { ADMIN_TOKEN } from '../harness/admin.ts';
import { Backend } from '../harness/backend.ts';
import { connect } from '../harness/client.ts';
import { eventually } from '../harness/deadline.ts';
import { freePort } from '../harness/free-port.ts';
import { MediaServer, png } from '../harness/media.ts';
import { POSTGRESQL, startPostgresql, type PostgresqlServer } from '../harness/postgresql-server.ts';
import { smallDisk } from '../harness/small-disk.ts';
import { named } from '../harness/symptoms.ts';
import { startWebhookBackend, WEBHOOK_SECRET } from '../harness/webhook-backend.ts';
import { startWebhookServer } from '../harness/webhook-server.ts';

let postgresql: PostgresqlServer | null = null;
beforeAll(async () => {
  // Where there is none, a node starts one in its process, which takes seconds.
  postgresql = POSTGRESQL === null ? null : await startPostgresql();
});
afterAll(() => postgresql?.end());

async function media(settings: Readonly<Record<string, string>>): Promise<MediaServer> {
  const url = await postgresql?.database();
  const shared = { 'admin.token': ADMIN_TOKEN, ...(url !== undefined && { 'database.url': url }) };
  const server = await MediaServer.open({ ...shared, ...settings });
  onTestFinished(() => server.stop());
  return server;
}

/** The node notices with the first upload that fails. */
async function refusedUpload(server: MediaServer): Promise<void> {
  const { uploadUrl } = (await server.begin('ada')).json;
  const { status, json } = await server.put(uploadUrl, png(5_000));
  expect([status, json.error.reason]).toEqual([503, 'storage_unavailable']);
}

const disk = smallDisk('96m');
afterAll(() => disk?.remove());

test.skipIf(disk === null)('the disk of uploads is full', async () => {
  const folder = disk?.folder ?? '';
  const server = await media({ 'apps.media.folder': folder });
  const { uploadUrl } = (await server.begin('ada')).json;
  expect((await server.put(uploadUrl, png(5_000))).status).toBe(200);
  expect(() => writeFileSync(join(folder, 'somebody-else'), Buffer.alloc(97 * 1_048_576))).toThrow('ENOSPC');
  await refusedUpload(server);
  const { cure } = await named('uploads-disk-full', { node: server.server.url });
  expect(cure).toContain('apps.media.folder');
});

test('S3 takes other credentials, and goes away', async () => {
  const s3 = await FakeS3.start();
  const server = await media({ ...s3.settings(false), 'apps.media.s3_secret_key': 'a secret that was rotated' });
  await refusedUpload(server);
  await named('s3-refuses', { node: server.server.url, isHere: true });
  await s3.stop();
  await refusedUpload(server);
  const { cure } = await named('s3-away', { node: server.server.url });
  expect(cure).toContain('apps.media.s3_endpoint');
});

test('a backend that does not know the secret, and one that is away', async () => {
  const settings = { 'admin.token': ADMIN_TOKEN };
  const backend = await startWebhookBackend();
  const another = `whsec_${Buffer.alloc(32, 'another').toString('base64')}`;
  // Told again often, an event is a dead letter soon, and then nothing fails any more.
  const section = { tell: ['connected'], secret: another, retry_first_ms: 100, retry_max_ms: 10_000 };
  const refused = await startWebhookServer(backend, section, settings);
  await connect(refused.port);
  await eventually(() => backend.refusedSignatures.length > 2, 'attempts that are refused');
  await named('backend-refuses', { node: refused.url });

  const nobody = { url: `http://127.0.0.1:${await freePort()}/` };
  const left = await startWebhookServer(nobody, { tell: ['connected'] }, settings);
  await connect(left.port);
  await eventually(async () => (await left.metric('signalbox_webhooks_event_retries_total')) > 2, 'attempts');
  const { cure } = await named('backend-away', { node: left.url, isHere: true });
  expect(cure).toContain('apps.webhooks.url');
});

test('an event that the backend will never take, with what sends it again', async () => {
  const backend = await startWebhookBackend((_call, response) => {
    response.writeHead(422).end();
  });
  const server = await startWebhookServer(backend, { tell: ['connected'] }, { 'admin.token': ADMIN_TOKEN });
  await connect(server.port);
  const shop = await Backend.on(server);
  await eventually(async () => {
    const { body } = await shop.call<{ readonly total: number }>('GET', '/apps/webhooks/dead-letters');
    return body.total === 1;
  }, 'a dead letter');
  const { line } = await named('failed-messages', {
    values: { URL: server.url },
    settings: { 'apps.webhooks.url': backend.url },
    environment: { SIGNALBOX_APPS_WEBHOOKS_SECRET: WEBHOOK_SECRET },
  });
  expect(line).toContain('1 of 1');
});

/** Uploads on a node whose storage is S3: through the server, and past it. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FakeS3 } from '../fakes/s3.ts';
import { MediaServer, pdf, png } from '../harness/media.ts';
import { POSTGRESQL, startPostgresql, type PostgresqlServer } from '../harness/postgresql-server.ts';

let s3: FakeS3;
let postgresql: PostgresqlServer;
/** One whose clients do not reach the service, and one whose clients do. */
let through: MediaServer;
let past: MediaServer;

describe.skipIf(POSTGRESQL === null)('a node with S3', () => {
  beforeAll(async () => {
    [s3, postgresql] = await Promise.all([FakeS3.start(), startPostgresql()]);
    const open = async (isDirect: boolean): Promise<MediaServer> =>
      MediaServer.open({ 'database.url': await postgresql.database(), ...s3.settings(isDirect) });
    [through, past] = [await open(false), await open(true)];
  });
  afterAll(async () => {
    await Promise.all([through.stop(), past.stop(), s3.stop()]);
    postgresql.end();
  });

  describe.each([false, true])('s3_direct = %s', (isDirect) => {
    let media: MediaServer;
    beforeAll(() => {
      media = isDirect ? past : through;
    });

    test('A-29: an image of unknown size goes through the server, which bounds it, and comes back', async () => {
      const { uploadUrl, publicUrl, key, direct } = (await media.begin('ada')).json;
      expect([direct, new URL(uploadUrl, 'http://here').host]).toEqual([false, 'here']);
      expect((await media.put(uploadUrl, png(5_000))).status).toBe(200);
      expect(s3.objects.get(`default/${key}`)?.bytes.equals(png(5_000))).toBe(true);
      expect((await media.ask(publicUrl, { user: 'eve' })).status).toBe(404);
      const got = await media.ask(publicUrl, { user: 'ada' });
      if (!isDirect) return expect(got.bytes.equals(png(5_000))).toBe(true);
      const location = got.headers.get('location') ?? '';
      expect([got.status, location.startsWith(s3.endpoint)]).toEqual([302, true]);
      const response = await fetch(location);
      expect(response.headers.get('content-type')).toBe('image/png');
      expect(Buffer.from(await response.arrayBuffer()).equals(png(5_000))).toBe(true);
    });

    test('D-33: a file in a form', async () => {
      const fields = { type: 'message_attachment', conversation: 'c1' };
      const { status, json } = await media.form('ada', new Blob([pdf(9_000)], { type: 'application/pdf' }), fields);
      expect([status, json.size]).toEqual([201, 9_000]);
    });

    test('A-31: the service is busy twice, then it is stored once; away it is a refusal for a while, without a name of it', async () => {
      const { uploadUrl, publicUrl } = (await media.begin('ada')).json;
      s3.failing.push(503, 503);
      expect((await media.put(uploadUrl, png(100))).status).toBe(200);
      const other = (await media.begin('ada')).json.uploadUrl;
      s3.failing.push(500, 500, 500);
      const refused = await media.put(other, png(100));
      expect([refused.status, refused.json.error.reason]).toEqual([503, 'storage_unavailable']);
      expect(JSON.stringify(refused.json)).not.toContain(s3.bucket);
      expect((await media.put(other, png(100))).status).toBe(200);
      expect((await media.ask(publicUrl, { user: 'ada' })).status).toBe(isDirect ? 302 : 200);
    });
  });

  const complete = (user: string, id: string) =>
    past.ask(`/apps/media/uploads/${id}/complete`, { user, method: 'POST' });

  async function direct(bytes: Uint8Array<ArrayBuffer>) {
    const begun = (await past.begin('ada', { fileSize: bytes.byteLength })).json;
    const { status } = await fetch(begun.uploadUrl, { method: 'PUT', body: bytes, headers: begun.headers });
    return { ...begun, status };
  }

  test('A-30: an image of known size is put there, looked at, and is an upload from then on', async () => {
    const { id, status, publicUrl } = await direct(png(4_000));
    expect(status).toBe(200);
    expect((await past.ask(publicUrl, { user: 'ada' })).status).toBe(404);
    expect((await complete('bob', id)).status).toBe(404);
    const done = await complete('ada', id);
    expect([done.status, done.json]).toEqual([200, { url: publicUrl, size: 4_000, mimeType: 'image/png' }]);
    expect((await complete('ada', id)).json).toEqual(done.json);
    expect((await past.ask(publicUrl, { user: 'ada' })).status).toBe(302);
  });

  test('A-30: other bytes than an image are removed when they are looked at, and nothing that never came is complete', async () => {
    const { id, key, status } = await direct(new Uint8Array(4_000).fill(0x4d));
    expect([status, (await complete('ada', id)).status, s3.objects.has(`default/${key}`)]).toEqual([200, 415, false]);
    const never = (await past.begin('ada', { fileSize: 10 })).json.id;
    expect((await complete('ada', never)).status).toBe(404);
  });
});

/** Uploads by a signed URL and by a form, on a node with a disk and each database. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MediaServer, pdf, png } from '../harness/media.ts';
import { pgliteFolder } from '../harness/pglite-folder.ts';
import { POSTGRESQL, startPostgresql, type PostgresqlServer } from '../harness/postgresql-server.ts';

let postgresql: PostgresqlServer | null = null;
afterAll(() => postgresql?.end());

const DATABASES: readonly (readonly [string, () => Promise<Readonly<Record<string, string>>>])[] = [
  ['PGlite', async () => ({ 'database.folder': await pgliteFolder() })],
  [
    'PostgreSQL',
    async () => {
      postgresql = await startPostgresql();
      return { 'database.url': await postgresql.database() };
    },
  ],
];

describe.each(DATABASES)('on %s', (name, settings) => {
  describe.skipIf(name === 'PostgreSQL' && POSTGRESQL === null)('a node', () => {
    let media: MediaServer;
    beforeAll(async () => {
      media = await MediaServer.open(await settings());
    });
    afterAll(() => media.stop());

    test('A-29: an announced image is put to its URL, and got with the same bytes and its type', async () => {
      const begun = await media.begin('ada');
      expect(begun.status).toBe(201);
      const { key, uploadUrl, publicUrl, expiresAt } = begun.json;
      expect(key).toMatch(/^chat\/c1\/\d{13}_[A-Za-z0-9_-]{24}\.png$/);
      expect(Date.parse(expiresAt) - Date.now()).toBeGreaterThan(290_000);
      const bytes = png(300_000);
      expect(await media.put(uploadUrl, bytes)).toMatchObject({
        status: 200,
        json: { url: publicUrl, size: 300_000, mimeType: 'image/png' },
      });
      const got = await media.ask(publicUrl, { user: 'ada' });
      expect([got.status, got.headers.get('content-type')]).toEqual([200, 'image/png']);
      expect(got.bytes.equals(bytes)).toBe(true);
      expect(readdirSync(join(media.folder, 'incoming'))).toEqual([]);
    });

    test('D-33: a file in a form is answered with its URL, name, size and type', async () => {
      const bytes = pdf(200_000);
      const answer = await media.form(
        'ada',
        new Blob([bytes], { type: 'application/pdf' }),
        { type: 'message_attachment' },
        'résumé 1.pdf',
      );
      expect(answer).toMatchObject({
        status: 201,
        json: { filename: 'résumé 1.pdf', size: 200_000, mimeType: 'application/pdf', url: expect.any(String) },
      });
      const got = await media.ask(answer.json.url, { user: 'ada' });
      expect(got.bytes.equals(bytes)).toBe(true);
      expect(got.headers.get('content-disposition')).toBe("attachment; filename*=UTF-8''r%C3%A9sum%C3%A9%201.pdf");
    });
  });
});

/** What uploads may be, who sees them, and what becomes of bad ones: refused where the bytes arrive, and not only where they are announced. */
import { createReadStream, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { eventually, within } from '../harness/deadline.ts';
import { jpeg, MediaServer, pdf, png } from '../harness/media.ts';
import { pgliteFolder } from '../harness/pglite-folder.ts';

const MAX = 50_000;

let media: MediaServer;
beforeAll(async () => {
  media = await MediaServer.open({
    'database.folder': await pgliteFolder(),
    'apps.media.max_image_bytes': String(MAX),
    'apps.media.max_file_bytes': '60000000',
  });
});
afterAll(() => media.stop());

/** Nothing is left of what was refused. */
function expectNothingSpooled(): void {
  expect(readdirSync(join(media.folder, 'incoming'))).toEqual([]);
}

function objects(): string[] {
  return readdirSync(join(media.folder, 'objects'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => name);
}

/** An image that has come. */
async function sentImage(user = 'ada', bytes = png(1_000), given: Readonly<Record<string, unknown>> = {}) {
  const { json } = await media.begin(user, given);
  expect((await media.put(json.uploadUrl, bytes)).status).toBe(200);
  return json;
}

describe('A-30: what is announced is checked', () => {
  const wrong: readonly (readonly [string, Readonly<Record<string, unknown>>, number])[] = [
    ['a program', { fileName: 'cat.exe' }, 400],
    ['a path', { fileName: '../cat.png' }, 400],
    ['a path of Windows', { fileName: 'c:\\cat.png' }, 400],
    ['a name that ends otherwise than its type', { fileName: 'cat.jpg' }, 400],
    ['a hidden file', { fileName: '.png' }, 400],
    ['no name', { fileName: '' }, 400],
    ['a name that turns the text around', { fileName: 'cat\u202Egnp.png' }, 400],
    ['a type that is none of the three', { fileName: 'cat.gif', fileType: 'image/gif' }, 415],
    ['HTML', { fileName: 'cat.html', fileType: 'text/html' }, 415],
    ['too many bytes', { fileSize: MAX + 1 }, 413],
    ['a conversation of others', { conversation: 'c9' }, 404],
    ['a conversation that is a path', { conversation: '../c1' }, 404],
  ];
  test.each(wrong)('%s', async (_what, given, status) => {
    expect((await media.begin('ada', given)).status).toBe(status);
  });

  test('strangers are told the same of a conversation of others and of none; who only reads is told so', async () => {
    const [others, none] = [await media.begin('eve'), await media.begin('eve', { conversation: 'nowhere' })];
    expect([others.status, others.json]).toEqual([404, none.json]);
    expect((await media.begin('rita')).status).toBe(403);
    expect((await media.begin('ada', { conversation: undefined })).json.key).toMatch(/^files\//);
  });
});

describe('A-30: what arrives is checked where it is stored', () => {
  test('other bytes than its type, another Content-Type, and one byte too many', async () => {
    const { uploadUrl, publicUrl } = (await media.begin('ada')).json;
    const program = new Uint8Array(1_000).fill(0x4d);
    const html = new Uint8Array(Buffer.from('<html><script>alert(1)</script></html>'));
    for (const bytes of [program, html, jpeg(100), new Uint8Array(0), png(8).subarray(0, 7)])
      expect((await media.put(uploadUrl, new Uint8Array(bytes))).status).toBe(415);
    expect((await media.put(uploadUrl, png(100), 'image/jpeg')).status).toBe(415);
    expect((await media.put(uploadUrl, png(MAX + 1))).status).toBe(413);
    expect((await media.ask(publicUrl, { user: 'ada' })).status).toBe(404);
    expectNothingSpooled();
    expect((await media.put(uploadUrl, png(MAX))).status).toBe(200);
  });

  test('the size that was announced, for chunks too', async () => {
    const { uploadUrl } = (await media.begin('ada', { fileSize: 1_000 })).json;
    expect((await media.put(uploadUrl, png(1_001))).status).toBe(413);
    const pieces = async function* (): AsyncGenerator<Uint8Array> {
      yield png(900);
      yield png(900);
    };
    const headers = { 'content-type': 'image/png' };
    const url = new URL(uploadUrl, media.server.url);
    const chunked = fetch(url, { method: 'PUT', body: ReadableStream.from(pieces()), headers, duplex: 'half' });
    expect((await within(chunked, 'an answer')).status).toBe(413);
    expectNothingSpooled();
  });

  test('a link that was changed, of another upload, of another method or ended', async () => {
    const one = (await media.begin('ada')).json.uploadUrl as string;
    const two = (await media.begin('ada')).json;
    const changed = [
      one.replace(/signed\/[^?]+/, `signed/${two.id}`),
      one.replace(/expires=\d+/, 'expires=9999999999'),
      one.replace(/signature=.{5}/, 'signature=AAAAA'),
      one.replace(/signature=.*/, 'signature='),
    ];
    for (const url of changed) expect((await media.put(url, png(100))).status).toBe(403);
    for (const url of [one.replace(/\?.*/, ''), one.replace('expires=', 'expires=x')])
      expect((await media.put(url, png(100))).status).toBe(400);
    expect((await media.ask(one)).status).toBe(403);
    expect((await media.put(one.replace('signed/', 'signed/..%2F'), png(100))).status).toBe(403);
  });

  test('the same bytes again are answered like the first time; others are a conflict, and change nothing', async () => {
    const { uploadUrl, publicUrl } = (await media.begin('ada')).json;
    const [first, again] = [await media.put(uploadUrl, png(500)), await media.put(uploadUrl, png(500))];
    expect([first.status, again.json]).toEqual([200, first.json]);
    expect((await media.put(uploadUrl, png(501))).status).toBe(409);
    expect((await media.ask(publicUrl, { user: 'ada' })).bytes.equals(png(500))).toBe(true);
    const racing = (await media.begin('ada')).json.uploadUrl as string;
    const answers = await Promise.all([600, 601, 600, 601].map((size) => media.put(racing, png(size))));
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 200, 409, 409]);
  });

  test('an upload that breaks off leaves nothing, and may come again', async () => {
    const { uploadUrl } = (await media.begin('ada')).json;
    const socket = connect(media.server.port, '127.0.0.1');
    onTestFinished(() => void socket.destroy());
    const head = `PUT ${uploadUrl} HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: 40000\r\n\r\n`;
    socket.write(head);
    socket.write(png(20_000));
    await eventually(() => readdirSync(join(media.folder, 'incoming')).length === 1, 'the upload to begin');
    socket.destroy();
    await eventually(() => readdirSync(join(media.folder, 'incoming')).length === 0, 'it to be gone');
    expect((await media.put(uploadUrl, png(40_000))).status).toBe(200);
  });
});

describe('C-11: who sees an upload', () => {
  test('its owner and backends until a message names it; strangers are told the same as of none', async () => {
    const { publicUrl } = await sentImage();
    for (const asked of [{ user: 'ada' }, { user: 'backend', roles: ['service'] }])
      expect((await media.ask(publicUrl, asked)).status).toBe(200);
    const none = await media.ask(publicUrl.replace(/.$/, 'x'), { user: 'eve' });
    for (const asked of [{ user: 'bob' }, { user: 'eve' }, { user: 'ada', tenant: 'other' }]) {
      const { status, json } = await media.ask(publicUrl, asked);
      expect([status, json]).toEqual([404, none.json]);
    }
    expect((await media.ask(publicUrl)).status).toBe(401);
  });

  test('links are for those who see it, and need no token', async () => {
    const { publicUrl } = await sentImage();
    const links = (user: string) =>
      media.ask('/apps/media/links', { user, json: { urls: [publicUrl, 'https://elsewhere.example/x'] } });
    const none = { link: null, expiresAt: null };
    expect((await links('eve')).json.links).toEqual([
      { url: publicUrl, ...none },
      { url: 'https://elsewhere.example/x', ...none },
    ]);
    const [own, elsewhere] = (await links('ada')).json.links;
    expect(elsewhere.link).toBeNull();
    expect((await media.ask(own.link)).bytes.equals(png(1_000))).toBe(true);
    expect((await media.put(own.link, png(1_000))).status).toBe(403);
    expect((await media.ask(own.link.replace(/expires=\d+/, 'expires=9999999999'))).status).toBe(403);
  });

  test('A-31: what is there never changes: browsers keep it, and ask for parts', async () => {
    const { publicUrl } = await sentImage();
    const ask = (headers: Record<string, string>, method = 'GET') =>
      media.ask(publicUrl, { user: 'ada', headers, method });
    const { headers } = await ask({});
    expect(headers.get('cache-control')).toBe('private, max-age=31536000, immutable');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('content-length')).toBe('1000');
    const etag = headers.get('etag') ?? '';
    expect((await ask({ 'if-none-match': etag })).status).toBe(304);
    const head = await ask({}, 'HEAD');
    expect([head.status, head.headers.get('content-length'), head.bytes.byteLength]).toEqual([200, '1000', 0]);
    const whole = Buffer.from(png(1_000));
    const parts: readonly (readonly [string, number, Buffer])[] = [
      ['bytes=10-19', 206, whole.subarray(10, 20)],
      ['bytes=990-', 206, whole.subarray(990)],
      ['bytes=-10', 206, whole.subarray(990)],
      ['bytes=0-99999', 206, whole],
      ['bytes=20-10', 200, whole],
      ['bytes=0-1,5-6', 200, whole],
      ['lines=1-2', 200, whole],
    ];
    for (const [range, status, bytes] of parts) {
      const part = await ask({ range });
      expect([range, part.status, part.bytes.equals(bytes)]).toEqual([range, status, true]);
    }
    const beyond = await ask({ range: 'bytes=1000-' });
    expect([beyond.status, beyond.headers.get('content-range')]).toEqual([416, 'bytes */1000']);
    expect(beyond.headers.get('content-length')).toBe('0');
  });
});

describe('D-33: forms', () => {
  const attachment = { type: 'message_attachment' };
  const blob = (bytes: Uint8Array<ArrayBuffer>, type = 'application/pdf'): Blob => new Blob([bytes], { type });

  test('what is wrong with one is said', async () => {
    const cases: readonly (readonly [string, number, () => ReturnType<MediaServer['form']>])[] = [
      ['no type', 400, () => media.form('ada', blob(pdf(100)), {})],
      ['another type', 400, () => media.form('ada', blob(pdf(100)), { type: 'banner' })],
      ['a PDF as an avatar', 415, () => media.form('ada', blob(pdf(100)), { type: 'avatar' })],
      ['a PNG called a PDF', 415, () => media.form('ada', blob(png(100)), attachment)],
      ['a program', 415, () => media.form('ada', blob(new Uint8Array(100).fill(0x4d)), attachment)],
      ['a conversation of others', 404, () => media.form('ada', blob(pdf(99)), { ...attachment, conversation: 'c9' })],
      ['one who only reads', 403, () => media.form('rita', blob(pdf(99)), { ...attachment, conversation: 'c1' })],
      ['an avatar that is too large', 413, () => media.form('ada', blob(png(6e6), 'image/png'), { type: 'avatar' })],
      ['no form', 415, () => media.ask('/apps/media/files', { user: 'ada', json: {} })],
      [
        'a form without a file',
        400,
        () => media.ask('/apps/media/files', { user: 'ada', body: formOf({ type: 'avatar' }) }),
      ],
      ['nobody', 401, () => media.ask('/apps/media/files', { body: formOf({ type: 'avatar' }) })],
    ];
    const before = objects().length;
    for (const [what, status, send] of cases) expect([what, (await send()).status]).toEqual([what, status]);
    expectNothingSpooled();
    expect(objects()).toHaveLength(before);
  });

  test('names are made fit to be shown', async () => {
    const names = [];
    for (const name of ['../../etc/passwd', 'report.exe', '\u202Efdp.pdf', '', `${'x'.repeat(300)}.pdf`])
      names.push((await media.form('ada', blob(pdf(50)), attachment, name)).json.filename as string);
    expect(names).toEqual(['passwd.pdf', 'report.exe.pdf', '_fdp.pdf', 'file.pdf', `${'x'.repeat(196)}.pdf`]);
  });

  test('avatars are for everybody of the tenant, and only the newest is kept', async () => {
    const avatar = () => media.form('ada', blob(png(200), 'image/png'), { type: 'avatar' }, 'me.png');
    const one = await avatar();
    expect((await media.ask(one.json.url, { user: 'eve' })).status).toBe(200);
    expect((await media.ask(one.json.url, { user: 'eve', tenant: 'other' })).status).toBe(404);
  });

  test('any bytes in place of a form are answered, and leave nothing', async () => {
    const boundary = 'xyz';
    const good = Buffer.concat([
      Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; name="type"\r\n\r\nmessage_attachment\r\n`),
      Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="a.pdf"\r\n`),
      Buffer.from('Content-Type: application/pdf\r\n\r\n'),
      pdf(300),
      Buffer.from(`\r\n--${boundary}--\r\n`),
    ]);
    const change = fc.record({
      at: fc.nat(good.byteLength),
      remove: fc.nat(60),
      insert: fc.oneof(
        fc.uint8Array({ maxLength: 40 }),
        fc
          .constantFrom('\r\n', `--${boundary}`, `--${boundary}--`, 'name="file"', '\0')
          .map((text) => new Uint8Array(Buffer.from(text))),
      ),
    });
    const headers = { 'content-type': `multipart/form-data; boundary=${boundary}` };
    await fc.assert(
      fc.asyncProperty(fc.array(change, { maxLength: 3 }), async (changes) => {
        let bytes = good;
        for (const { at, remove, insert } of changes)
          bytes = Buffer.concat([bytes.subarray(0, at), insert, bytes.subarray(at + remove)]);
        const { status } = await media.ask('/apps/media/files', { user: 'ada', headers, body: new Uint8Array(bytes) });
        expect([201, 400, 415]).toContain(status);
        expectNothingSpooled();
      }),
      { numRuns: 60 },
    );
  });
});

test('a storage that is away refuses for a while, says so in /health without a path, and is back by itself', async () => {
  const { uploadUrl, publicUrl } = (await media.begin('ada')).json;
  const incoming = join(media.folder, 'incoming');
  rmSync(incoming, { recursive: true });
  writeFileSync(incoming, 'no folder');
  const refused = await media.put(uploadUrl, png(100));
  expect([refused.status, refused.json.error.reason]).toEqual([503, 'storage_unavailable']);
  expect(refused.headers.get('retry-after')).toBe('5');
  expect(JSON.stringify(refused.json)).not.toContain(media.folder);
  const health = await (await media.server.get('/health')).text();
  expect(health).toContain('uploads are refused');
  expect(health).not.toContain(media.folder);
  rmSync(incoming);
  mkdirSync(incoming);
  expect((await media.put(uploadUrl, png(100))).status).toBe(200);
  expect((await media.ask(publicUrl, { user: 'ada' })).status).toBe(200);
});

test('D-33: 50 MB pass in a form and back without being held', async () => {
  const size = 50_000_000;
  const file = join(media.folder, 'large.pdf');
  writeFileSync(file, pdf(size));
  const body = async function* (): AsyncGenerator<Uint8Array> {
    yield Buffer.from('--b\r\nContent-Disposition: form-data; name="type"\r\n\r\nmessage_attachment\r\n');
    yield Buffer.from('--b\r\nContent-Disposition: form-data; name="file"; filename="a.pdf"\r\n');
    yield Buffer.from('Content-Type: application/pdf\r\n\r\n');
    yield* createReadStream(file, { highWaterMark: 262_144 });
    yield Buffer.from('\r\n--b--\r\n');
  };
  const before = process.memoryUsage();
  const peak = { rss: 0, arrayBuffers: 0 };
  const look = (): void => {
    const { rss, arrayBuffers } = process.memoryUsage();
    peak.rss = Math.max(peak.rss, rss - before.rss);
    peak.arrayBuffers = Math.max(peak.arrayBuffers, arrayBuffers - before.arrayBuffers);
  };
  const timer = setInterval(look, 5);
  onTestFinished(() => clearInterval(timer));
  const token = await media.tokenOf('ada');
  const answer = await within(
    fetch(`${media.server.url}/apps/media/files`, {
      method: 'POST',
      body: ReadableStream.from(body()),
      duplex: 'half',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'multipart/form-data; boundary=b' },
    }),
    'the upload',
  );
  const { url, size: stored } = (await answer.json()) as { url: string; size: number };
  expect([answer.status, stored]).toEqual([201, size]);
  const got = await fetch(new URL(url, media.server.url), { headers: { authorization: `Bearer ${token}` } });
  let came = 0;
  for await (const piece of got.body ?? []) came += piece.byteLength;
  expect(came).toBe(size);
  look();
  expect(peak.arrayBuffers).toBeLessThan(size / 2);
  expect(peak.rss).toBeLessThan(size);
});

function formOf(fields: Readonly<Record<string, string>>): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.set(name, value);
  return form;
}

/** What a storage does, on the disk and in S3: one suite for both. And what the signatures for S3 are held against. */
import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { S3RequestPresigner } from '@aws-sdk/s3-request-presigner';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { DiskStorage, guarded } from '../../src/apps/media/disk-storage.ts';
import { S3Storage } from '../../src/apps/media/s3-storage.ts';
import { settings } from '../../src/apps/media/settings.ts';
import { spool } from '../../src/apps/media/spool.ts';
import { checkedObject, StorageError, type Storage } from '../../src/apps/media/storage.ts';
import { refusal } from '../../src/protocol/errors.ts';
import { systemClock } from '../../src/telemetry/system-clock.ts';
import { FakeS3 } from '../fakes/s3.ts';
import { freePort } from '../harness/free-port.ts';

const folder = mkdtempSync(join(tmpdir(), 'signalbox-storage-'));
let s3: FakeS3;
beforeAll(async () => {
  s3 = await FakeS3.start();
});
afterAll(async () => {
  await s3.stop();
  rmSync(folder, { recursive: true });
});

function s3Storage(isDirect = true, more: Readonly<Record<string, unknown>> = {}): Promise<S3Storage> {
  const given = Object.entries(s3.settings(isDirect)).map(([key, value]) => [key.replace('apps.media.', ''), value]);
  const section = { ...Object.fromEntries(given), folder, s3_direct: isDirect, ...more };
  return S3Storage.open(settings(z).parse(section), { clock: { ...systemClock, now: () => s3.now() } });
}

const LARGE = refusal('payload_too_large', 'too large');
const BYTES = Buffer.from(Array.from({ length: 100_000 }, (_, at) => at % 251));
const FACTS = { type: 'image/png', bytes: BYTES.byteLength, digest: createHash('sha256').update(BYTES).digest('hex') };
let files = 0;

function spooled({ spoolFolder }: Storage, bytes = BYTES): string {
  files += 1;
  const file = join(spoolFolder, `file-${files}`);
  writeFileSync(file, bytes);
  return file;
}

async function read(pieces: AsyncIterable<Uint8Array> | null): Promise<Buffer | null> {
  if (pieces === null) return null;
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all);
}

const STORAGES: readonly (readonly [string, () => Promise<Storage>])[] = [
  ['disk', () => DiskStorage.open(join(folder, 'disk'))],
  ['S3', () => s3Storage()],
];

describe.each(STORAGES)('a storage: %s', (_name, open) => {
  let storage: Storage;
  beforeAll(async () => {
    storage = await open();
  });

  test('gives what it was given, whole and in parts; a file that is stored is its own no more', async () => {
    const file = spooled(storage);
    await storage.store('default/chat/a:b/1_x.png', file, FACTS);
    expect(existsSync(file)).toBe(false);
    expect(await read(await storage.open('default/chat/a:b/1_x.png', null))).toEqual(BYTES);
    const part = await storage.open('default/chat/a:b/1_x.png', { first: 70_000, last: 70_009 });
    expect(await read(part)).toEqual(BYTES.subarray(70_000, 70_010));
    expect(await storage.find('default/chat/a:b/1_x.png')).toMatchObject({ bytes: BYTES.byteLength });
  });

  test('knows nothing of what there is not, and removing twice is the same', async () => {
    expect(await storage.find('default/none')).toBeNull();
    expect(await storage.open('default/none', null)).toBeNull();
    await storage.store('default/gone', spooled(storage), FACTS);
    await storage.remove('default/gone');
    await storage.remove('default/gone');
    expect(await storage.find('default/gone')).toBeNull();
  });

  test('the same object again is the same', async () => {
    for (let at = 0; at < 2; at += 1) await storage.store('default/twice', spooled(storage), FACTS);
    expect(await read(await storage.open('default/twice', null))).toEqual(BYTES);
  });

  test.each(['../x', 'a/../b', '/etc/passwd', 'a//b', '.hidden', 'a/%2e%2e', 'a\\b', ''])(
    'no name leaves its place: %j',
    async (object) => {
      expect(() => checkedObject(object)).toThrow(RangeError);
      await expect(storage.store(object, spooled(storage), FACTS)).rejects.toThrow(RangeError);
      await expect(storage.open(object, null)).rejects.toThrow(RangeError);
    },
  );

  test('a reader that leaves early leaves nothing open', async () => {
    await storage.store('default/left', spooled(storage), FACTS);
    for await (const piece of (await storage.open('default/left', null)) ?? []) {
      expect(piece.byteLength).toBeGreaterThan(0);
      break;
    }
    await storage.remove('default/left');
  });

  test('A-46: answers its probe', async () => {
    await storage.probe();
  });
});

test('a disk that is full, and one that is broken, are told apart, and no path is told', async () => {
  const fails = (code: string) => (): Promise<never> =>
    Promise.reject(Object.assign(new Error(`${code}: write '/secret/place'`), { code }));
  await expect(guarded(fails('ENOSPC'))).rejects.toEqual(new StorageError('the disk is full'));
  await expect(guarded(fails('EIO'))).rejects.toEqual(new StorageError('the disk answers EIO'));
});

test('a file that cannot be written to its end leaves nothing, and is a failure of the storage', async () => {
  const { spoolFolder } = await DiskStorage.open(join(folder, 'full'));
  const body = async function* (): AsyncGenerator<Uint8Array> {
    yield BYTES;
    throw new StorageError('the disk is full');
  };
  const rules = { folder: spoolFolder, name: 'x', maxBytes: 1e6, typeProblem: () => null, tooLarge: () => LARGE };
  await expect(spool(body(), rules)).rejects.toThrow('the disk is full');
  expect(readdirSync(spoolFolder)).toEqual([]);
});

describe('S3', () => {
  test('links are signed as the official signer signs them', async () => {
    const storage = await s3Storage();
    const [endpoint = '', port = ''] = s3.endpoint.replace('http://', '').split(':');
    const at = Date.now();
    s3.now = () => at;
    const official = new S3RequestPresigner({
      region: s3.region,
      credentials: { accessKeyId: s3.accessKey, secretAccessKey: s3.secretKey },
      sha256: Sha256,
    });
    const path = `/${s3.bucket}/default/chat/a%3Ab/1_x.png`;
    const request = (method: string, headers: Record<string, string>, query: Record<string, string>) => ({
      method,
      protocol: 'http:',
      hostname: endpoint,
      port: Number(port),
      path,
      query,
      headers: { host: `${endpoint}:${port}`, ...headers },
    });
    const options = { signingDate: new Date(at), expiresIn: 300 };
    const put = await storage.putLink('default/chat/a:b/1_x.png', FACTS, 300);
    const ownPut = new URL(put?.url ?? '');
    const theirPut = await official.presign(
      request('PUT', { ...put?.headers, 'content-length': String(FACTS.bytes) }, {}),
      {
        ...options,
        signableHeaders: new Set(['content-type', 'content-length', 'cache-control', 'if-none-match', 'host']),
      },
    );
    expect(ownPut.searchParams.get('X-Amz-Signature')).toBe(theirPut.query?.['X-Amz-Signature']);
    const named = {
      'content-type': 'image/png',
      'cache-control': 'private',
      'content-disposition': "inline; filename*=UTF-8''a%20b.png",
    };
    const ownGet = new URL((await storage.getLink('default/chat/a:b/1_x.png', named, 300)) ?? '');
    const responses = Object.fromEntries(Object.entries(named).map(([name, value]) => [`response-${name}`, value]));
    const theirGet = await official.presign(request('GET', {}, responses), options);
    expect(ownGet.searchParams.get('X-Amz-Signature')).toBe(theirGet.query?.['X-Amz-Signature']);
    s3.now = Date.now;
  });

  test('A-30: the service refuses another type, another number of bytes, an object that is there, and a link that ended', async () => {
    const storage = await s3Storage();
    const link = await storage.putLink('default/direct', FACTS, 300);
    const put = async (bytes: Buffer, headers: Readonly<Record<string, string>> = {}): Promise<number> =>
      (
        await fetch(link?.url ?? '', {
          method: 'PUT',
          body: new Uint8Array(bytes),
          headers: { ...link?.headers, ...headers },
        })
      ).status;
    expect(await put(BYTES, { 'content-type': 'text/html' })).toBe(403);
    expect(await put(BYTES.subarray(1))).toBe(403);
    expect(await put(Buffer.concat([BYTES, BYTES]))).toBe(403);
    expect(await put(BYTES)).toBe(200);
    expect(await put(BYTES)).toBe(412);
    expect(s3.objects.get('default/direct')).toMatchObject({
      type: 'image/png',
      cacheControl: expect.stringContaining('immutable'),
    });
    s3.now = () => Date.now() + 301_000;
    expect(await put(BYTES)).toBe(403);
    s3.now = Date.now;
  });

  test('a link to read says type, name and for how long it may be kept', async () => {
    const storage = await s3Storage();
    await storage.store('default/read', spooled(storage), FACTS);
    const headers = {
      'content-type': 'image/png',
      'cache-control': 'private, max-age=9',
      'content-disposition': 'inline',
    };
    const response = await fetch((await storage.getLink('default/read', headers, 60)) ?? '');
    expect([response.status, response.headers.get('cache-control')]).toEqual([200, 'private, max-age=9']);
    expect(Buffer.from(await response.arrayBuffer())).toEqual(BYTES);
  });

  test('A-31: busy twice, then one object; away, and a wrong secret, are errors that name no secret', async () => {
    const storage = await s3Storage();
    s3.failing.push(503, 503);
    await storage.store('default/busy', spooled(storage), FACTS);
    expect(s3.objects.get('default/busy')?.bytes.equals(BYTES)).toBe(true);
    s3.failing.push(503, 503, 503);
    await expect(storage.probe()).rejects.toThrow(new StorageError('S3 answers HEAD with 503'));
    const wrong = await s3Storage(true, { s3_secret_key: 'another secret' });
    await expect(wrong.probe()).rejects.toThrow(new StorageError('S3 answers HEAD with 403'));
    const away = await s3Storage(true, { s3_endpoint: `http://127.0.0.1:${await freePort()}` });
    await expect(away.store('default/x', spooled(away), FACTS)).rejects.toThrow('S3 does not answer PUT: ECONNREFUSED');
  });

  test('bytes that changed on the way are refused', async () => {
    const storage = await s3Storage();
    await expect(storage.store('default/bad', spooled(storage, Buffer.alloc(BYTES.byteLength)), FACTS)).rejects.toThrow(
      StorageError,
    );
    expect(s3.objects.has('default/bad')).toBe(false);
  });

  test('without s3_direct there are no links to it', async () => {
    const storage = await s3Storage(false);
    expect([await storage.putLink('default/x', FACTS, 60), await storage.getLink('default/x', {}, 60)]).toEqual([
      null,
      null,
    ]);
  });
});

/** For the official signer, which brings none. */
class Sha256 {
  private readonly hash: Hash | Hmac;

  constructor(secret?: Source) {
    this.hash = secret === undefined ? createHash('sha256') : createHmac('sha256', bytesOf(secret));
  }

  update(bytes: Source): void {
    this.hash.update(bytesOf(bytes));
  }

  async digest(): Promise<Uint8Array> {
    return new Uint8Array(this.hash.digest());
  }
}

type Source = string | ArrayBuffer | ArrayBufferView;

function bytesOf(source: Source): Uint8Array {
  if (typeof source === 'string') return Buffer.from(source);
  if (source instanceof ArrayBuffer) return new Uint8Array(source);
  return new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
}

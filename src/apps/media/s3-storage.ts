/**
 * Objects in S3, or in what speaks like it. The bucket is private: every request is signed, and so are the links that clients
 * get. A link to hand bytes over names their type, their number and that the object must be new: the service refuses others.
 */
import { createReadStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { AwsV4Signer } from 'aws4fetch';
import type { Clock } from '../../telemetry/clock.ts';
import { missingPackage } from '../../telemetry/optional-package.ts';
import type { Host } from '../host-api.ts';
import type { Settings } from './settings.ts';
import { checkedObject, StorageError, type ByteRange, type DirectLink, type Facts, type Storage } from './storage.ts';

const PACKAGE = 'aws4fetch';
/** What browsers and caches between may do with an object, which never changes. */
const CACHE = 'private, max-age=31536000, immutable';
const ANSWER_MS = 30_000;
/** Attempts at what may be repeated, while the service says that it is busy. */
const ATTEMPTS = 3;
const RETRY_MS = 200;

export interface S3Address {
  /** Without `/` at its end. */
  readonly endpoint: string;
  readonly region: string;
  readonly bucket: string;
  readonly accessKey: string;
  readonly secretKey: string;
  /** Whether clients reach the bucket themselves. */
  readonly isDirect: boolean;
}

interface Asked {
  readonly method: 'PUT' | 'GET' | 'HEAD' | 'DELETE';
  /** Without, the bucket. */
  readonly object?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Opened anew for each attempt. */
  readonly body?: () => Readable;
}

type Signer = typeof AwsV4Signer;

export class S3Storage implements Storage {
  readonly name = 's3';
  readonly spoolFolder: string;
  private readonly address: S3Address;
  private readonly clock: Pick<Clock, 'now'>;
  private readonly signer: Signer;
  private readonly keys = new Map<string, ArrayBuffer>();

  private constructor(address: S3Address, spoolFolder: string, clock: Pick<Clock, 'now'>, signer: Signer) {
    this.address = address;
    this.spoolFolder = spoolFolder;
    this.clock = clock;
    this.signer = signer;
  }

  /** @throws with what is missing */
  static async open(given: Settings, { clock }: Pick<Host, 'clock'>): Promise<S3Storage> {
    const missing = missingPackage(PACKAGE, 'storage = "s3" in [apps.media]');
    if (missing !== null) throw new Error(missing);
    const { AwsV4Signer: signer } = await import('aws4fetch');
    const spoolFolder = join(given.folder, 'incoming');
    await mkdir(spoolFolder, { recursive: true });
    const address = {
      endpoint: withoutSlashes(given.s3_endpoint ?? ''),
      region: given.s3_region,
      bucket: given.s3_bucket ?? '',
      accessKey: given.s3_access_key ?? '',
      secretKey: given.s3_secret_key ?? '',
      isDirect: given.s3_direct,
    };
    return new S3Storage(address, spoolFolder, clock, signer);
  }

  async store(
    object: string,
    file: string,
    { type, bytes, digest }: Facts & { readonly digest: string },
  ): Promise<void> {
    const headers = {
      'content-type': type,
      'content-length': String(bytes),
      'cache-control': CACHE,
      'x-amz-content-sha256': digest,
    };
    await this.good({ method: 'PUT', object, headers, body: () => createReadStream(file) });
    await rm(file, { force: true });
  }

  async find(object: string): Promise<Facts | null> {
    const { status, headers } = await this.good({ method: 'HEAD', object }, [404]);
    if (status === 404) return null;
    return { bytes: Number(headers.get('content-length')), type: headers.get('content-type') ?? '' };
  }

  async open(object: string, range: ByteRange | null): Promise<AsyncIterable<Uint8Array> | null> {
    const headers = range === null ? {} : { range: `bytes=${range.first}-${range.last}` };
    const { status, body } = await this.good({ method: 'GET', object, headers }, [404, 416]);
    if (status !== 200 && status !== 206) await body?.cancel();
    if (status === 404) return null;
    return status === 416 || body === null ? nothing() : body;
  }

  async remove(object: string): Promise<void> {
    await this.good({ method: 'DELETE', object }, [404]);
  }

  async putLink(object: string, { type, bytes }: Facts, secs: number): Promise<DirectLink | null> {
    if (!this.address.isDirect) return null;
    const headers = {
      'cache-control': CACHE,
      'content-length': String(bytes),
      'content-type': type,
      'if-none-match': '*',
    };
    const url = await this.link('PUT', this.urlOf(object), headers, secs);
    // A browser says how many bytes there are by itself, and lets nobody else say it.
    const { 'content-length': _, ...sent } = headers;
    return { url, headers: sent };
  }

  async getLink(object: string, headers: Readonly<Record<string, string>>, secs: number): Promise<string | null> {
    if (!this.address.isDirect) return null;
    const url = this.urlOf(object);
    for (const name of ['cache-control', 'content-disposition', 'content-type'])
      url.searchParams.set(`response-${name}`, headers[name] ?? '');
    return this.link('GET', url, {}, secs);
  }

  async probe(): Promise<void> {
    await this.good({ method: 'HEAD' });
  }

  private async link(method: string, url: URL, headers: Record<string, string>, secs: number): Promise<string> {
    url.searchParams.set('X-Amz-Expires', String(secs));
    // As the official signer says it.
    url.searchParams.set('X-Amz-Content-Sha256', 'UNSIGNED-PAYLOAD');
    const signed = await this.signerOf({ method, url: url.href, headers, signQuery: true, allHeaders: true }).sign();
    return signed.url.href;
  }

  /** @param also statuses that are answers too */
  private async good(asked: Asked, also: readonly number[] = []): Promise<Response> {
    for (let attempt = 1; ; attempt += 1) {
      const response = await this.send(asked);
      if (response.ok || also.includes(response.status)) return response;
      await response.body?.cancel();
      const isBusy = response.status >= 500 || response.status === 429;
      if (!isBusy || attempt === ATTEMPTS) throw new StorageError(`S3 answers ${asked.method} with ${response.status}`);
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS * attempt));
    }
  }

  private async send({ method, object, headers = {}, body }: Asked): Promise<Response> {
    const url = object === undefined ? new URL(this.address.endpoint + `/${this.address.bucket}`) : this.urlOf(object);
    const signed = await this.signerOf({ method, url: url.href, headers }).sign();
    const stream = body?.();
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), ANSWER_MS);
    try {
      return await fetch(signed.url, {
        method,
        headers: signed.headers,
        redirect: 'error',
        signal: late.signal,
        ...(stream !== undefined && { body: Readable.toWeb(stream) as ReadableStream<Uint8Array>, duplex: 'half' }),
      });
    } catch (error) {
      const { code } = ((error as Error).cause ?? {}) as { readonly code?: string };
      throw new StorageError(`S3 does not answer ${method}: ${code ?? (error as Error).name}`);
    } finally {
      clearTimeout(timer);
      stream?.destroy();
    }
  }

  private signerOf(request: {
    readonly method: string;
    readonly url: string;
    readonly headers: Record<string, string>;
    readonly signQuery?: boolean;
    readonly allHeaders?: boolean;
  }): AwsV4Signer {
    const { region, accessKey, secretKey } = this.address;
    return new this.signer({
      ...request,
      service: 's3',
      region,
      accessKeyId: accessKey,
      secretAccessKey: secretKey,
      cache: this.keys,
      datetime: new Date(this.clock.now()).toISOString().replaceAll(/[:-]|\.\d{3}/g, ''),
    });
  }

  private urlOf(object: string): URL {
    const { endpoint, bucket } = this.address;
    return new URL(`${endpoint}/${bucket}/${checkedObject(object)}`);
  }
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

/** An expression for slashes at the end would look for the end from each of them. */
function withoutSlashes(text: string): string {
  let end = text.length;
  while (text[end - 1] === '/') end -= 1;
  return text.slice(0, end);
}

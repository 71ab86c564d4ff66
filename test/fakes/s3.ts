/**
 * An S3 service in memory. It believes no signature: it computes each from the request that came (AWS Signature Version 4), and
 * refuses what was not signed, has ended, or has another number of bytes than it says.
 */
import { createHash, createHmac } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface S3Object {
  readonly bytes: Buffer;
  readonly type: string;
  readonly cacheControl: string;
}

const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();
const sha256 = (bytes: string | Buffer): string => createHash('sha256').update(bytes).digest('hex');
const escape = (text: string): string =>
  encodeURIComponent(text).replaceAll(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`);

export class FakeS3 {
  readonly objects = new Map<string, S3Object>();
  readonly accessKey = 'AKIDEXAMPLE';
  readonly secretKey = 'a secret/for+tests only';
  readonly region = 'eu-test-1';
  readonly bucket = 'uploads';
  /** Statuses that the next requests are answered with. */
  readonly failing: number[] = [];
  /** Methods of requests with a good signature. */
  readonly asked: string[] = [];
  /** Milliseconds since 1970. */
  now: () => number = Date.now;
  private readonly server = createServer((request, response) => void this.handle(request, response));

  static async start(): Promise<FakeS3> {
    const s3 = new FakeS3();
    await new Promise<void>((resolve) => s3.server.listen(0, '127.0.0.1', resolve));
    return s3;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** As settings of `[apps.media]`. */
  settings(isDirect: boolean): Readonly<Record<string, string>> {
    return {
      'apps.media.storage': 's3',
      'apps.media.s3_endpoint': this.endpoint,
      'apps.media.s3_region': this.region,
      'apps.media.s3_bucket': this.bucket,
      'apps.media.s3_access_key': this.accessKey,
      'apps.media.s3_secret_key': this.secretKey,
      'apps.media.s3_direct': String(isDirect),
    };
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    const body = Buffer.concat(pieces);
    const failing = this.failing.shift();
    if (failing !== undefined) return answer(response, failing, {}, 'SlowDown');
    const problem = this.signatureProblem(request, body);
    if (problem !== null) return answer(response, 403, {}, problem);
    const url = new URL(request.url ?? '', this.endpoint);
    this.asked.push(request.method ?? '');
    const object = decodeURIComponent(url.pathname).slice(this.bucket.length + 2);
    if (object === '') return answer(response, 200, {});
    this.carryOut(request, response, { object, body, url });
  }

  private carryOut(
    { method, headers }: IncomingMessage,
    response: ServerResponse,
    { object, body, url }: { readonly object: string; readonly body: Buffer; readonly url: URL },
  ): void {
    const found = this.objects.get(object);
    if (method === 'PUT') {
      if (headers['if-none-match'] === '*' && found !== undefined) return answer(response, 412, {});
      // A body in chunks of unknown length is what S3 does not take.
      if (headers['content-length'] === undefined) return answer(response, 411, {});
      const { 'content-type': type = '', 'cache-control': cacheControl = '' } = headers;
      this.objects.set(object, { bytes: body, type, cacheControl });
      return answer(response, 200, {});
    }
    if (method === 'DELETE') {
      this.objects.delete(object);
      return answer(response, 204, {});
    }
    if (found === undefined) return answer(response, 404, {});
    const given = {
      'content-type': url.searchParams.get('response-content-type') ?? found.type,
      'cache-control': url.searchParams.get('response-cache-control') ?? found.cacheControl,
      'content-disposition': url.searchParams.get('response-content-disposition') ?? 'inline',
    };
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '') ?? [];
    if (first === undefined) return answer(response, 200, given, found.bytes, method === 'HEAD');
    if (Number(first) >= found.bytes.byteLength) return answer(response, 416, {});
    answer(response, 206, given, found.bytes.subarray(Number(first), Number(last) + 1));
  }

  private signatureProblem(request: IncomingMessage, body: Buffer): string | null {
    const url = new URL(request.url ?? '', this.endpoint);
    const query = url.searchParams;
    const isLink = query.has('X-Amz-Signature');
    const given = isLink ? linkParts(query) : headerParts(request);
    if (given === null) return 'AccessDenied';
    const { date, credential, signedHeaders, signature, ends } = given;
    const at = Date.parse(date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
    if (Math.abs(this.now() - at) > 900_000 && !isLink) return 'RequestTimeTooSkewed';
    if (isLink && this.now() > at + ends * 1_000) return 'Request has expired';
    const scope = `${date.slice(0, 8)}/${this.region}/s3/aws4_request`;
    if (credential !== `${this.accessKey}/${scope}`) return 'InvalidAccessKeyId';
    if (!signedHeaders.includes('host')) return 'AccessDenied';
    const hash = isLink ? 'UNSIGNED-PAYLOAD' : String(request.headers['x-amz-content-sha256']);
    if (/^[0-9a-f]{64}$/.test(hash) && hash !== sha256(body)) return 'XAmzContentSHA256Mismatch';
    query.delete('X-Amz-Signature');
    const canonical = [
      request.method,
      decodeURIComponent(url.pathname).split('/').map(escape).join('/'),
      [...query]
        .map(([name, value]) => `${escape(name)}=${escape(value)}`)
        .sort()
        .join('&'),
      ...signedHeaders.map((name) => `${name}:${String(request.headers[name] ?? '').trim()}`),
      '',
      signedHeaders.join(';'),
      hash,
    ].join('\n');
    const key = [date.slice(0, 8), this.region, 's3', 'aws4_request'].reduce<string | Buffer>(
      hmac,
      `AWS4${this.secretKey}`,
    );
    const expected = hmac(key, ['AWS4-HMAC-SHA256', date, scope, sha256(canonical)].join('\n')).toString('hex');
    return expected === signature ? null : 'SignatureDoesNotMatch';
  }
}

interface Signed {
  readonly date: string;
  readonly credential: string;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
  /** Seconds. */
  readonly ends: number;
}

function linkParts(query: URLSearchParams): Signed {
  return {
    date: query.get('X-Amz-Date') ?? '',
    credential: query.get('X-Amz-Credential') ?? '',
    signedHeaders: (query.get('X-Amz-SignedHeaders') ?? '').split(';'),
    signature: query.get('X-Amz-Signature') ?? '',
    ends: Number(query.get('X-Amz-Expires')),
  };
}

function headerParts({ headers }: IncomingMessage): Signed | null {
  const parts = /^AWS4-HMAC-SHA256 Credential=(.+), SignedHeaders=(.+), Signature=(\w+)$/.exec(
    headers.authorization ?? '',
  );
  if (parts === null) return null;
  const [, credential = '', names = '', signature = ''] = parts;
  return { date: String(headers['x-amz-date']), credential, signedHeaders: names.split(';'), signature, ends: 0 };
}

function answer(
  response: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string>>,
  body: string | Buffer = '',
  isHead = false,
): void {
  response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) });
  response.end(isHead ? undefined : body);
}

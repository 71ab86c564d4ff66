/** A server that speaks the event stream encoding of AWS over HTTP/2, as Amazon Bedrock does, and says what its test tells it to. */
import { createServer, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { crc32 } from 'node:zlib';
import { onTestFinished } from 'vitest';

export interface AskedOfBedrock {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Readonly<Record<string, unknown>>;
}

export type SpeakBedrock = (stream: ServerHttp2Stream, asked: AskedOfBedrock) => void;

const STRING = 7;

/** One message: https://docs.aws.amazon.com/AmazonS3/latest/API/RESTSelectObjectAppendix.html has the encoding. */
export function encoded(headers: Readonly<Record<string, string>>, payload: object | string): Buffer {
  const named = Buffer.concat(
    Object.entries(headers).map(([name, value]) => {
      const [key, text] = [Buffer.from(name), Buffer.from(value)];
      const length = Buffer.alloc(2);
      length.writeUInt16BE(text.length);
      return Buffer.concat([Buffer.of(key.length), key, Buffer.of(STRING), length, text]);
    }),
  );
  const body = Buffer.from(typeof payload === 'string' ? payload : JSON.stringify(payload));
  const prelude = Buffer.alloc(12);
  prelude.writeUInt32BE(12 + named.length + body.length + 4, 0);
  prelude.writeUInt32BE(named.length, 4);
  prelude.writeUInt32BE(crc32(prelude.subarray(0, 8)), 8);
  const message = Buffer.concat([prelude, named, body]);
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(message));
  return Buffer.concat([message, sum]);
}

export function event(type: string, payload: object | string): Buffer {
  return encoded({ ':message-type': 'event', ':event-type': type, ':content-type': 'application/json' }, payload);
}

export function exception(type: string): Buffer {
  return encoded(
    { ':message-type': 'exception', ':exception-type': type, ':content-type': 'application/json' },
    { message: 'you said: What is it?' },
  );
}

export function begin(stream: ServerHttp2Stream): ServerHttp2Stream {
  stream.respond({ ':status': 200, 'content-type': 'application/vnd.amazon.eventstream' });
  return stream;
}

/** It ends with the test. */
export async function startBedrock(
  speak: SpeakBedrock,
): Promise<{ readonly url: URL; readonly asked: readonly AskedOfBedrock[] }> {
  const asked: AskedOfBedrock[] = [];
  const server = createServer();
  const sessions = new Set<{ destroy(): void }>();
  server.on('session', (session) => sessions.add(session));
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    const parts: Buffer[] = [];
    stream.on('data', (part: Buffer) => parts.push(part));
    stream.on('end', () => {
      const body = JSON.parse(Buffer.concat(parts).toString()) as AskedOfBedrock['body'];
      const one = { path: headers[':path'] ?? '', headers, body };
      asked.push(one);
      speak(stream, one);
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  onTestFinished(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  return { url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`), asked };
}

/**
 * One POST whose answer is a stream of events, on connections that are kept. By `node:http` and not by `fetch`: with that, and with
 * text that is given to a function (provider.ts), a delta takes 0.55 of the processor that it took.
 */
import type { ClientRequest, IncomingMessage } from 'node:http';
import { codeOf, isStale, keptConnections } from '../../calling/kept-connections.ts';
import { retryAfterMs } from '../../calling/retry-after.ts';
import { EventStream, type StreamEvent } from './event-stream.ts';
import { failureOf, ProviderError } from './provider.ts';

export interface StreamedCall {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

/** @returns whether it was the last one that counts */
export type TakeEvent = (event: StreamEvent) => boolean;

const LIMITS = { maxLine: 1_048_576, maxBytes: 4_194_304 };
/** Of an error's body: enough for its kind. */
const MAX_ERROR_BYTES = 4_096;
/** How many calls there are at once is bounded by the guards. */
const HTTP = keptConnections('http:');
const HTTPS = keptConnections('https:');

/** For a server that ends its stream some packets behind the last event: its connection is kept. */
const REST_MS = 1_000;

/**
 * @returns after the event that `take` calls the last one, or at the end of the stream
 * @throws ProviderError, what `take` throws, or the reason of `signal`
 */
export function callForEvents(call: StreamedCall, take: TakeEvent, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const exchange = new Exchange(call, take, (error) => {
      signal.removeEventListener('abort', cut);
      if (error === null) resolve();
      else reject(error);
    });
    const cut = (): void => exchange.end(signal.reason);
    signal.addEventListener('abort', cut, { once: true });
    if (signal.aborted) cut();
    else exchange.open();
  });
}

class Exchange {
  private readonly call: StreamedCall;
  private readonly take: TakeEvent;
  private readonly ended: (error: unknown) => void;
  private request: ClientRequest | null = null;
  private response: IncomingMessage | null = null;
  private attempts = 0;
  private isOver = false;

  /** @param ended is told once; `null` when all went well */
  constructor(call: StreamedCall, take: TakeEvent, ended: (error: unknown) => void) {
    this.call = call;
    this.take = take;
    this.ended = ended;
  }

  open(): void {
    const { url, headers, body } = this.call;
    const { request: send, agent } = url.protocol === 'https:' ? HTTPS : HTTP;
    const text = JSON.stringify(body);
    this.attempts += 1;
    const request = send(url, {
      method: 'POST',
      agent,
      headers: {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(text),
        accept: 'text/event-stream',
        'user-agent': 'signalbox',
        ...headers,
      },
    });
    this.request = request;
    request.on('error', (error) => this.broke(request, error));
    request.on('response', (response) => this.answered(response));
    request.end(text);
  }

  end(error: unknown): void {
    if (this.isOver) return;
    this.isOver = true;
    this.ended(error);
    if (error === null) setTimeout(() => this.leave(), REST_MS).unref();
    else this.leave();
  }

  /** A connection whose answer has come whole is kept for the next call. */
  private leave(): void {
    if (this.response?.complete !== true) this.request?.destroy();
  }

  private broke(request: ClientRequest, error: Error): void {
    const isUnseen = this.response === null && this.attempts === 1 && isStale(request, error);
    if (isUnseen && !this.isOver) return this.open();
    if (this.response === null)
      this.end(new ProviderError('unavailable', `no answer of ${this.call.url.host}: ${codeOf(error)}`));
    else this.end(new ProviderError('cut', `the stream broke: ${codeOf(error)}`));
  }

  private answered(response: IncomingMessage): void {
    this.response = response;
    response.on('error', (error) => this.end(new ProviderError('cut', `the stream broke: ${codeOf(error)}`)));
    if (response.statusCode !== 200) return void refused(response).then((error) => this.end(error));
    const type = response.headers['content-type'] ?? '';
    if (!type.startsWith('text/event-stream'))
      return this.end(
        new ProviderError('garbage', `expected a stream of events, got ${type.slice(0, 100) || 'no content type'}`),
      );
    const events = new EventStream(LIMITS, (event) => {
      if (!this.isOver && this.take(event)) this.end(null);
    });
    response.on('data', (chunk: Buffer) => this.read(events, chunk));
    response.on('end', () => this.end(null));
  }

  private read(events: EventStream, chunk: Buffer): void {
    if (this.isOver) return;
    try {
      events.push(chunk);
    } catch (error) {
      this.end(error);
    }
  }
}

/** Never rejects. */
async function refused(response: IncomingMessage): Promise<ProviderError> {
  const { statusCode: status = 0 } = response;
  const asked = retryAfterMs(response.headers['retry-after']);
  return new ProviderError(failureOf(status), `status ${status}${await kindOf(response)}`, asked);
}

/** The name of the error, as these interfaces have it; the message may repeat what the user said, so it is left out. */
async function kindOf(response: IncomingMessage): Promise<string> {
  const text = await beginningOf(response).catch(() => '');
  const [, kind] = /"(?:type|code)"\s*:\s*"([a-z_]{1,64})"/.exec(text.replace('"type":"error"', '')) ?? [];
  return kind === undefined ? '' : `, ${kind}`;
}

async function beginningOf(response: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of response as AsyncIterable<Buffer>) {
    parts.push(part);
    bytes += part.byteLength;
    if (bytes >= MAX_ERROR_BYTES) break;
  }
  return Buffer.concat(parts).subarray(0, MAX_ERROR_BYTES).toString();
}

/** A client of `GET /sse` and `POST /sse` that waits for what it expects; it ends with the test. */
import { request, type Agent, type IncomingMessage } from 'node:http';
import { onTestFinished } from 'vitest';
import { EventParser, type StreamEvent } from '../kit/event-parser.ts';
import { within } from './deadline.ts';
import type { Connected, Frame, Subscribed } from './frames.ts';
import { tokenOf, type TokenOptions } from './tokens.ts';

export interface StreamOptions extends TokenOptions {
  readonly user?: string;
  readonly token?: string | null;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** With one it is a `POST`. */
  readonly body?: unknown;
  /** Connections that it shares with others, as in a browser. */
  readonly agent?: Agent;
  /** Hands the bytes on one by one. */
  readonly isCut?: boolean;
}

export interface ReadFrame extends Frame {
  readonly event: string;
  readonly lastId: string;
}

export class EventStreamClient {
  readonly frames: ReadFrame[] = [];
  readonly parser: EventParser;
  readonly response: IncomingMessage;
  /** How the stream ended. */
  readonly ended: Promise<void>;
  isEnded = false;
  private readonly unread: ReadFrame[] = [];
  private readonly waiters: {
    fits: (frame: ReadFrame) => boolean;
    found: (frame: ReadFrame) => void;
    failed: (error: Error) => void;
  }[] = [];

  constructor(response: IncomingMessage, isCut: boolean) {
    this.response = response;
    this.parser = new EventParser((event) => this.arrived(event));
    response.on('data', (bytes: Buffer) => {
      if (isCut) for (let at = 0; at < bytes.length; at += 1) this.parser.push(bytes.subarray(at, at + 1));
      else this.parser.push(bytes);
    });
    response.on('error', () => {});
    this.ended = new Promise((resolve) => {
      response.once('close', () => {
        this.isEnded = true;
        for (const waiter of this.waiters.splice(0)) waiter.failed(new Error('the stream ended'));
        resolve();
      });
    });
  }

  get lastId(): string {
    return this.parser.lastId;
  }

  waitFor(fits: (frame: ReadFrame) => boolean, what: string): Promise<ReadFrame> {
    const at = this.unread.findIndex(fits);
    if (at !== -1) return Promise.resolve(this.unread.splice(at, 1)[0] as ReadFrame);
    if (this.isEnded) return Promise.reject(new Error(`${what} never came: the stream ended`));
    const arriving = new Promise<ReadFrame>((found, failed) => {
      this.waiters.push({ fits, found, failed });
    });
    return within(arriving, `${what}; unread: ${JSON.stringify(this.unread.slice(-5))}`);
  }

  next(type: string): Promise<ReadFrame> {
    return this.waitFor((frame) => frame.type === type, `a ${type}`);
  }

  async take(count: number, type = 'Broadcast'): Promise<ReadFrame[]> {
    const frames: ReadFrame[] = [];
    while (frames.length < count) frames.push(await this.next(type));
    return frames;
  }

  async status(name: string): Promise<unknown> {
    const frame = await this.waitFor(({ type, data }) => type === 'Status' && data.status === name, `Status ${name}`);
    return frame.data.details;
  }

  async connected(): Promise<Connected> {
    return (await this.status('connected')) as Connected;
  }

  async subscribed(): Promise<Subscribed> {
    return (await this.status('subscribed')) as Subscribed;
  }

  untaken(type: string): ReadFrame[] {
    return this.unread.filter((frame) => frame.type === type);
  }

  /** Goes without a word. */
  async drop(): Promise<void> {
    this.response.destroy();
    await within(this.ended, 'the stream to be gone');
  }

  private arrived({ event, data, lastId }: StreamEvent): void {
    const frame = { ...(JSON.parse(data) as Frame), event, lastId };
    this.frames.push(frame);
    const at = this.waiters.findIndex(({ fits }) => fits(frame));
    if (at === -1) this.unread.push(frame);
    else this.waiters.splice(at, 1)[0]?.found(frame);
  }
}

/** The answer to a request for a stream, whatever it is. */
export async function askForStream(port: number, options: StreamOptions = {}): Promise<IncomingMessage> {
  const { user = 'alice', query = {}, headers = {}, body } = options;
  const token = options.token === undefined ? await tokenOf(user, options) : options.token;
  const search = new URLSearchParams(query).toString();
  const text = body === undefined ? undefined : JSON.stringify(body);
  const answer = new Promise<IncomingMessage>((resolve, reject) => {
    const asked = request({
      host: '127.0.0.1',
      port,
      path: `/sse${search === '' ? '' : `?${search}`}`,
      method: body === undefined ? 'GET' : 'POST',
      agent: options.agent ?? false,
      headers: {
        ...(token !== null && { authorization: `Bearer ${token}` }),
        ...(text !== undefined && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
        ...headers,
      },
    });
    asked.on('response', resolve);
    asked.on('error', reject);
    asked.end(text);
    onTestFinished(() => void asked.destroy());
  });
  return within(answer, 'the answer to /sse');
}

export async function openStream(port: number, options: StreamOptions = {}): Promise<EventStreamClient> {
  const response = await askForStream(port, options);
  if (response.statusCode !== 200) throw new Error(`expected a stream, got ${response.statusCode}`);
  return new EventStreamClient(response, options.isCut === true);
}

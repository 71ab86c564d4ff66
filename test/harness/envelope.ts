/** A client of guide 004's envelope over WebSocket, and one that reads the stream of a session. */
import { onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { CHAT } from './assistant-guide.ts';
import { within } from './deadline.ts';
import type { TestServer } from './server.ts';
import { tokenOf } from './tokens.ts';

export interface Envelope {
  readonly type: string;
  readonly session_id?: string;
  readonly message_id?: string;
  readonly content: string;
  // oxlint-disable-next-line typescript/no-explicit-any -- of all types
  readonly metadata: any;
  readonly timestamp: string;
}

/** What came, in order, and who waits for it. */
class Inbox {
  readonly all: Envelope[] = [];
  private readonly unread: Envelope[] = [];
  private wake: () => void = () => {};

  add(envelope: Envelope): void {
    this.all.push(envelope);
    this.unread.push(envelope);
    this.wake();
  }

  /** The first that was not taken and fits. */
  async take(fits: (envelope: Envelope) => boolean, what: string): Promise<Envelope> {
    for (;;) {
      const at = this.unread.findIndex(fits);
      if (at !== -1) return this.unread.splice(at, 1)[0] as Envelope;
      const arriving = new Promise<void>((resolve) => {
        this.wake = resolve;
      });
      await within(arriving, `${what}; unread: ${JSON.stringify(this.unread.slice(-5))}`);
    }
  }
}

export class EnvelopeSocket {
  readonly inbox = new Inbox();
  readonly closed: Promise<number>;
  private readonly socket: WebSocket;

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', (data: Buffer) => this.inbox.add(JSON.parse(data.toString()) as Envelope));
    this.closed = new Promise((resolve) => {
      socket.on('close', (code) => resolve(code));
    });
    onTestFinished(() => socket.terminate());
  }

  say(envelope: object | string): void {
    this.socket.send(typeof envelope === 'string' ? envelope : JSON.stringify(envelope));
  }

  next(type: string, content?: string): Promise<Envelope> {
    return this.inbox.take(
      (it) => it.type === type && (content === undefined || it.content === content),
      `${type} ${content ?? ''}`,
    );
  }

  async drop(): Promise<void> {
    this.socket.terminate();
    await within(this.closed, 'the socket to be gone');
  }
}

export interface DialOptions {
  readonly roles?: readonly string[];
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** In the `Authorization` header instead of `?token=`. */
  readonly inHeader?: boolean;
  readonly token?: string;
}

/** @returns the socket, or the answer of HTTP that came in its place */
export async function dialEnvelope(
  server: Pick<TestServer, 'port'>,
  user: string,
  { roles = ['admin'], query = '', headers = {}, inHeader = false, ...given }: DialOptions = {},
  // oxlint-disable-next-line typescript/no-explicit-any -- of all answers
): Promise<EnvelopeSocket | { readonly status: number; readonly json: any }> {
  const token = given.token ?? (await tokenOf(user, { roles }));
  const url = `ws://127.0.0.1:${server.port}${CHAT}/ws?${inHeader ? '' : `token=${token}&`}${query}`;
  const socket = new WebSocket(url, { headers: { ...(inHeader && { authorization: `Bearer ${token}` }), ...headers } });
  const envelope = new EnvelopeSocket(socket);
  return within(
    new Promise((resolve, reject) => {
      socket.on('open', () => resolve(envelope));
      socket.on('error', reject);
      socket.on('unexpected-response', (_, response) => {
        let text = '';
        response.on('data', (piece: Buffer) => (text += piece.toString()));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, json: JSON.parse(text) }));
      });
    }),
    'the handshake',
  );
}

/** A socket that was greeted. */
export async function connectEnvelope(
  server: Pick<TestServer, 'port'>,
  user: string,
  options?: DialOptions,
): Promise<EnvelopeSocket> {
  const socket = await dialEnvelope(server, user, options);
  if (!(socket instanceof EnvelopeSocket)) throw new Error(`expected a socket, got ${JSON.stringify(socket)}`);
  await socket.next('status', 'connected');
  return socket;
}

export class EnvelopeStream {
  readonly inbox = new Inbox();
  /** Of the last event that had one. */
  lastId: string | null = null;
  readonly ended: Promise<void>;
  private readonly cut: AbortController;

  constructor(response: Response, cut: AbortController) {
    this.cut = cut;
    this.ended = this.read(response).catch(() => {});
    onTestFinished(() => cut.abort());
  }

  next(type: string, content?: string): Promise<Envelope> {
    return this.inbox.take(
      (it) => it.type === type && (content === undefined || it.content === content),
      `${type} ${content ?? ''}`,
    );
  }

  close(): void {
    this.cut.abort();
  }

  private async read(response: Response): Promise<void> {
    const decoder = new TextDecoder();
    let text = '';
    for await (const piece of response.body ?? []) {
      text += decoder.decode(piece as Uint8Array, { stream: true });
      const events = text.split('\n\n');
      text = events.pop() ?? '';
      for (const event of events) {
        const data = /^data: (.*)$/m.exec(event)?.[1];
        this.lastId = /^id: (.*)$/m.exec(event)?.[1] ?? this.lastId;
        if (data !== undefined) this.inbox.add(JSON.parse(data) as Envelope);
      }
    }
  }
}

export async function openStream(
  server: Pick<TestServer, 'url'>,
  user: string,
  session: string,
  { query = '', lastId }: { readonly query?: string; readonly lastId?: string } = {},
): Promise<EnvelopeStream> {
  const cut = new AbortController();
  const response = await within(
    fetch(
      `${server.url}${CHAT}/sessions/${session}/stream?token=${await tokenOf(user, { roles: ['admin'] })}&${query}`,
      {
        headers: lastId === undefined ? {} : { 'last-event-id': lastId },
        signal: cut.signal,
      },
    ),
    'the stream',
  );
  if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`);
  return new EnvelopeStream(response, cut);
}

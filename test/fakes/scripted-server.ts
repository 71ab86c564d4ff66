/** A server of a vendor, made up: it does what its script says before it does what it would do, and sends signed webhooks. */
import { createHmac } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Json = Readonly<Record<string, unknown>>;

/** `status`: answers so, and does nothing. `slowMs`: first waits. `cut`: breaks the connection, after it has done it or instead. */
export type Behaviour =
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: Json }
  | { readonly slowMs: number }
  | { readonly cut: 'after' | 'before' };

export interface Asked {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
}

export type Answer = readonly [status: number, body: Json | Uint8Array, headers?: Readonly<Record<string, string>>];

export interface WebhookTarget {
  readonly url: string;
  /** Where it is tried in turn, when there are several. */
  readonly urls?: readonly string[];
  readonly secret: string;
  readonly encoding: 'hex' | 'base64';
}

const RETRIES = 60;
const RETRY_MS = 100;
const MAX_BODY = 20_000_000;

export class ScriptedServer {
  /** What the next calls meet, the first one first. */
  readonly script: Behaviour[] = [];
  webhook: WebhookTarget | null = null;
  /** Webhooks that are still being delivered. */
  readonly underWay = new Set<Promise<void>>();
  /** Answers to webhooks by status. */
  readonly answers: number[] = [];
  private readonly answer: (asked: Asked) => Answer | Promise<Answer>;
  private readonly server = createServer((request, response) => void this.handle(request, response));

  constructor(answer: (asked: Asked) => Answer | Promise<Answer>) {
    this.answer = answer;
  }

  async listen(port = 0): Promise<void> {
    await new Promise<void>((resolve) => this.server.listen(port, '127.0.0.1', resolve));
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.webhook = null;
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
    await Promise.allSettled(this.underWay);
  }

  /** Like a vendor: again and again until it is taken. @returns when it is, or was given up */
  send(body: Json, times = 1): Promise<void> {
    const sending = Promise.all(Array.from({ length: times }, () => this.deliver(JSON.stringify(body)))).then(() => {});
    this.underWay.add(sending);
    void sending.finally(() => this.underWay.delete(sending));
    return sending;
  }

  private async deliver(text: string): Promise<void> {
    for (let tries = 0; tries < RETRIES && this.webhook !== null; tries += 1) {
      const status = await this.post(text, tries);
      this.answers.push(status);
      if (status === 200) return;
      await new Promise((resolve) => {
        setTimeout(resolve, Math.min(RETRY_MS * (tries + 1), 1_000));
      });
    }
  }

  private async post(text: string, tries: number): Promise<number> {
    const { webhook } = this;
    if (webhook === null) return 0;
    const { url, urls = [url] } = webhook;
    const signature = createHmac('sha256', webhook.secret).update(text).digest(webhook.encoding);
    const headers = { 'content-type': 'application/json', 'x-hub-signature-256': `sha256=${signature}` };
    try {
      const response = await fetch(urls[tries % urls.length] ?? url, { method: 'POST', headers, body: text });
      await response.arrayBuffer();
      return response.status;
    } catch {
      return 0;
    }
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const pieces: Buffer[] = [];
    let size = 0;
    for await (const piece of request) {
      size += (piece as Buffer).byteLength;
      if (size > MAX_BODY) return void request.socket.destroy();
      pieces.push(piece as Buffer);
    }
    const url = new URL(request.url ?? '/', this.url);
    const asked = {
      method: request.method ?? '',
      url,
      headers: request.headers,
      text: Buffer.concat(pieces).toString(),
    };
    // What a person asks of the fake itself meets no script.
    const behaviour = url.pathname.startsWith('/fake/') ? undefined : this.script.shift();
    if (behaviour !== undefined && 'cut' in behaviour && behaviour.cut === 'before')
      return void request.socket.destroy();
    if (behaviour !== undefined && 'status' in behaviour)
      return write(response, [behaviour.status, behaviour.body ?? { error: { code: 0 } }, behaviour.headers ?? {}]);
    if (behaviour !== undefined && 'slowMs' in behaviour)
      await new Promise((resolve) => {
        setTimeout(resolve, behaviour.slowMs);
      });
    const answer = await this.answer(asked);
    if (behaviour !== undefined && 'cut' in behaviour) return void request.socket.destroy();
    write(response, answer);
  }
}

function write(response: ServerResponse, [status, body, headers = {}]: Answer): void {
  const isBytes = body instanceof Uint8Array;
  response.writeHead(status, { 'content-type': isBytes ? 'application/octet-stream' : 'application/json', ...headers });
  response.end(isBytes ? body : JSON.stringify(body));
}

export function jsonOf(text: string): Json {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Json) : {};
  } catch {
    return {};
  }
}

/** A text of an object; empty where there is none. */
export function textIn(value: unknown, name: string): string {
  const text = typeof value === 'object' && value !== null ? (value as Json)[name] : undefined;
  return typeof text === 'string' ? text : '';
}

/** `--port 9101 --webhook http://…`: by name. */
export function optionsOf(argv: readonly string[]): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const [at, word] of argv.entries()) if (word.startsWith('--')) found.set(word.slice(2), argv[at + 1] ?? '');
  return found;
}

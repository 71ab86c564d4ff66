/**
 * A team's backend for tests: a real HTTP server that verifies every signature by itself, as the page for backend teams
 * tells, and answers what the test says.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { eventually } from './deadline.ts';

const KEY = Buffer.from('a key for tests only, 32 bytes !!');
export const WEBHOOK_SECRET = `whsec_${KEY.toString('base64')}`;
const TOLERANCE_SECS = 300;
/** For events to come, after retries perhaps and on a busy machine. */
const TOLD_MS = 30_000;

export interface Call {
  readonly type: string;
  readonly timestamp: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly id: string;
  readonly headers: IncomingMessage['headers'];
  readonly at: number;
}

export interface BackendEvent {
  readonly id: string;
  readonly type: string;
  readonly at: number;
  readonly node: string;
  readonly topic?: string;
  readonly code?: number;
  readonly connection?: { readonly id: string; readonly user: string };
  readonly message?: { readonly id: string };
}

/** Answers a call, or hands the response over: then it is the test's to end. */
export type Behaviour = (call: Call, response: ServerResponse, request: IncomingMessage) => unknown;

const YES: Behaviour = () => ({ allow: true });

export class WebhookBackend {
  readonly calls: Call[] = [];
  /** What was told, each event once for every time it came in a request that was accepted. */
  readonly events: BackendEvent[] = [];
  readonly refusedSignatures: string[] = [];
  behaviour: Behaviour = YES;
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();
  private readonly key: Buffer;
  private accepted = 0;

  constructor(key: Buffer = KEY) {
    this.key = key;
    this.server = createServer((request, response) => void this.serve(request, response));
    this.server.on('connection', (socket) => {
      this.accepted += 1;
      this.sockets.add(socket);
      socket.on('close', () => this.sockets.delete(socket));
    });
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/hooks/signalbox`;
  }

  /** Connections that were ever opened. */
  get connections(): number {
    return this.accepted;
  }

  async listen(port = 0): Promise<this> {
    this.server.listen(port, '127.0.0.1');
    await once(this.server, 'listening');
    return this;
  }

  async close(): Promise<void> {
    if (!this.server.listening) return;
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
    await once(this.server, 'close');
  }

  ofType(type: string): Call[] {
    return this.calls.filter((call) => call.type === type);
  }

  /** Resolves when so many events were told in requests that were accepted. */
  async told(count: number): Promise<BackendEvent[]> {
    await eventually(() => this.events.length >= count, `${count} events to be told`, TOLD_MS);
    return this.events;
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const problem = this.problem(request, body);
    if (problem !== null) {
      this.refusedSignatures.push(problem);
      response.writeHead(401).end();
      return;
    }
    const { type, timestamp, data } = JSON.parse(body.toString()) as Pick<Call, 'type' | 'timestamp' | 'data'>;
    const { headers } = request;
    const call = { type, timestamp, data, id: String(headers['webhook-id']), headers, at: performance.now() };
    this.calls.push(call);
    const answer = await this.behaviour(call, response, request);
    if (answer === undefined) return;
    if (type === 'events') this.events.push(...(data['events'] as BackendEvent[]));
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
  }

  private problem({ headers }: IncomingMessage, body: Buffer): string | null {
    const { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures = '' } = headers;
    if (Math.abs(Date.now() / 1_000 - Number(timestamp)) > TOLERANCE_SECS) return 'too old';
    const expected = createHmac('sha256', this.key)
      .update(`${String(id)}.${String(timestamp)}.`)
      .update(body)
      .digest();
    const isGood = String(signatures)
      .split(' ')
      .filter((entry) => entry.startsWith('v1,'))
      .map((entry) => Buffer.from(entry.slice(3), 'base64'))
      .some((given) => given.length === expected.length && timingSafeEqual(given, expected));
    return isGood ? null : 'wrong signature';
  }
}

/** It ends with the test. */
export async function startWebhookBackend(
  behaviour: Behaviour = YES,
  secret = WEBHOOK_SECRET,
): Promise<WebhookBackend> {
  const backend = await new WebhookBackend(Buffer.from(secret.slice('whsec_'.length), 'base64')).listen();
  backend.behaviour = behaviour;
  onTestFinished(() => backend.close());
  return backend;
}

/**
 * The team's backend as an HTTP endpoint: one POST, one bounded answer, on connections that are kept. The secret signs for the URL of
 * the configuration, and for no other.
 */
import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Scheduler } from '../../telemetry/clock.ts';
import { codeOf, isStale, keptConnections, type KeptConnections } from '../calling/kept-connections.ts';
import { retryAfterMs } from '../calling/retry-after.ts';

export interface BackendOptions {
  readonly url: URL;
  /** Connections that are open at once. */
  readonly connections: number;
  readonly maxAnswerBytes: number;
  readonly userAgent: string;
}

export interface Answer {
  readonly status: number;
  /** Lower case, without parameters; `''` when the answer names none. */
  readonly contentType: string;
  readonly retryAfterMs: number | undefined;
  readonly body: Buffer;
}

/** Why no answer came: none in time, no connection or one that broke, more bytes than may be. */
export type NoAnswer = 'timeout' | 'unreachable' | 'too_large';

export interface Failed {
  readonly failure: NoAnswer;
  /** For a log line. */
  readonly detail: string;
}

export class Backend {
  private readonly options: BackendOptions;
  private readonly scheduler: Scheduler;
  private readonly kept: KeptConnections;

  constructor(options: BackendOptions, scheduler: Scheduler) {
    this.options = options;
    this.scheduler = scheduler;
    this.kept = keptConnections(options.url.protocol, options.connections);
  }

  /** Never rejects. */
  async post(body: Buffer, headers: Readonly<Record<string, string>>, timeoutMs: number): Promise<Answer | Failed> {
    const exchange = new Exchange(this.options, this.scheduler, timeoutMs);
    for (;;) {
      const outcome = await exchange.attempt(() => this.open(body, headers));
      if (outcome !== 'stale') return outcome;
    }
  }

  close(): void {
    this.kept.agent.destroy();
  }

  private open(body: Buffer, headers: Readonly<Record<string, string>>): ClientRequest {
    const { url, userAgent } = this.options;
    const { agent, request: send } = this.kept;
    const request = send(url, {
      method: 'POST',
      agent,
      headers: {
        'content-type': 'application/json',
        'content-length': body.length,
        accept: 'application/json',
        'user-agent': userAgent,
        ...headers,
      },
    });
    request.end(body);
    return request;
  }
}

/** One call: all of its attempts together have the time. */
class Exchange {
  private readonly options: BackendOptions;
  private readonly scheduler: Scheduler;
  private readonly timeoutMs: number;
  private readonly cut = Promise.withResolvers<Failed>();
  private request: ClientRequest | null = null;
  private attempts = 0;

  constructor(options: BackendOptions, scheduler: Scheduler, timeoutMs: number) {
    this.options = options;
    this.scheduler = scheduler;
    this.timeoutMs = timeoutMs;
  }

  async attempt(open: () => ClientRequest): Promise<Answer | Failed | 'stale'> {
    this.attempts += 1;
    const timer = this.scheduler.after(this.timeoutMs, () => {
      this.cut.resolve({ failure: 'timeout', detail: `no answer within ${this.timeoutMs} ms` });
      this.request?.destroy();
    });
    try {
      return await Promise.race([this.answer(open()), this.cut.promise]);
    } finally {
      timer.cancel();
    }
  }

  private answer(request: ClientRequest): Promise<Answer | Failed | 'stale'> {
    this.request = request;
    return new Promise((resolve) => {
      let hasAnswer = false;
      const broke = (error: Error): void => {
        const isUnseen = !hasAnswer && this.attempts === 1 && isStale(request, error);
        resolve(isUnseen ? 'stale' : { failure: 'unreachable', detail: codeOf(error) });
      };
      request.on('error', broke);
      request.on('response', (response) => {
        hasAnswer = true;
        this.read(response).then(resolve, broke);
      });
    });
  }

  private async read(response: IncomingMessage): Promise<Answer | Failed> {
    const { maxAnswerBytes } = this.options;
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of response as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > maxAnswerBytes) {
        response.destroy();
        return { failure: 'too_large', detail: `more than ${maxAnswerBytes} bytes` };
      }
      chunks.push(chunk);
    }
    const { 'content-type': type = '', 'retry-after': retryAfter } = response.headers;
    return {
      status: response.statusCode ?? 0,
      contentType: (type.split(';')[0] ?? '').trim().toLowerCase(),
      retryAfterMs: retryAfterMs(retryAfter),
      body: Buffer.concat(chunks),
    };
  }
}

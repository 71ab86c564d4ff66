/** One request and its answer: who may send a body is decided first, then the body is read, then a handler answers. */
import type { HttpResponse as UwsResponse } from 'uWebSockets.js-compat';
import { BodyError } from '../node/body-error.ts';
import { refusalResponse } from '../node/refusal-response.ts';
import {
  authorize,
  Feed,
  type Admitted,
  type HttpRequest,
  type HttpResponse,
  type RequestHead,
  type Route,
  type Verdict,
} from '../node/route.ts';
import { refusal, type Refusal } from '../protocol/errors.ts';
import type { Counters } from '../telemetry/counters.ts';
import type { Log } from '../telemetry/log.ts';
import { BodyBudget, IncomingBody, type Body } from './request-body.ts';
import { IncomingStream } from './request-stream.ts';
import { respond, statusLine } from './response.ts';
import { ResponseFeed } from './response-feed.ts';
import { isStream, ResponseStream } from './response-stream.ts';

/** Bytes of a request body, where the route does not say. */
const MAX_BODY = 1_048_576;
/** Bytes of all bodies that are still arriving. */
const MAX_BODIES = 67_108_864;
/**
 * Bytes of all bodies that came with their heads before it is known who sends them, while a key is fetched. Apart from
 * the others, so that tokens that name keys that there are not keep nobody's upload out whose key is known.
 */
const MAX_WAITING = 16_777_216;
/** Bytes of all bodies that are read while they arrive: what came and was not read yet. One network has half of it. */
const MAX_STREAMS = 67_108_864;

/** What the requests of a listener share. */
export class BodyBudgets {
  readonly admitted = new BodyBudget(MAX_BODIES);
  readonly waiting = new BodyBudget(MAX_WAITING);
  readonly streams = new BodyBudget(MAX_STREAMS);
}

/** Where requests go, and what they are counted and logged in. */
export interface Surroundings {
  readonly counters: Counters;
  readonly log: Log;
  readonly bodies: BodyBudgets;
}

export interface Received {
  readonly route: Route;
  readonly res: UwsResponse;
  readonly head: RequestHead;
  /** The request was `HEAD`. */
  readonly isHead: boolean;
}

/** By route and class of status: both come from our own tables. */
export function count(
  { httpRequests, httpSeconds }: Counters,
  route: string,
  { status }: HttpResponse,
  startedAt: number,
): void {
  const key = `${route} ${Math.floor(status / 100)}xx`;
  httpRequests.add(key);
  httpSeconds.add(key, (performance.now() - startedAt) / 1_000);
}

export class Exchange {
  private readonly received: Received;
  private readonly around: Surroundings;
  private readonly maxBytes: number;
  private readonly startedAt = performance.now();
  private admitted: Admitted | null = null;
  private body: IncomingBody | IncomingStream | null = null;
  /** The answer, when it comes in pieces. */
  private stream: ResponseStream | null = null;
  private isPaused = false;
  /** Answered, or the client is gone. */
  private isOver = false;

  constructor(received: Received, around: Surroundings) {
    this.received = received;
    this.around = around;
    this.maxBytes = received.route.maxBody ?? MAX_BODY;
  }

  /**
   * To be called in the request's own turn.
   * @param problem why no route may see this head, or `null`
   */
  begin(problem: string | null): void {
    const { res, head } = this.received;
    // Nothing is kept of a body whose head says that it is refused: the library drops it.
    if (problem !== null) return this.send(this.refused(refusal('malformed', problem)));
    if (Number(head.header('content-length') ?? 0) > this.maxBytes)
      return this.send(this.refused(this.bodyRefusal({ problem: 'too_large' })));
    res.onAborted(() => {
      if (!this.isOver) this.admitted?.abandon?.();
      this.isOver = true;
      this.body?.abandon();
      this.stream?.abandon();
    });
    this.authorize();
    if (this.isOver || !this.readsBody) return;
    this.body = this.incoming();
    if (this.admitted !== null) return this.admit(this.body);
    // Bytes that are in the library's buffer already still come; the rest waits in the network.
    this.isPaused = true;
    res.pause();
  }

  private incoming(): IncomingBody | IncomingStream {
    const { res, route } = this.received;
    const { maxBytes } = this;
    const waiting = this.shareOf(this.around.bodies.waiting, maxBytes);
    if (route.takes === 'stream') return new IncomingStream(res, { maxBytes }, waiting);
    return new IncomingBody(res, { maxBytes, isText: route.takes === undefined }, waiting, (body) =>
      this.arrived(body),
    );
  }

  private authorize(): void {
    const { route, head } = this.received;
    try {
      authorize(route, head, (verdict) => this.decided(verdict));
    } catch (error) {
      this.send(this.failed(error));
    }
  }

  private decided(verdict: Verdict): void {
    if (this.isOver) return 'handle' in verdict ? verdict.abandon?.() : undefined;
    this.resume();
    if ('answer' in verdict) {
      this.body?.abandon();
      return this.send(verdict.answer);
    }
    this.admitted = verdict;
    if (!this.readsBody) return this.run({ body: '' });
    if (this.body !== null) this.admit(this.body);
  }

  private admit(body: IncomingBody | IncomingStream): void {
    const { admitted, streams } = this.around.bodies;
    if (body instanceof IncomingBody) return body.admit(this.shareOf(admitted, this.maxBytes));
    body.admit(this.shareOf(streams, MAX_STREAMS / 2));
    this.run({ body: '', stream: body });
  }

  private arrived(body: Body): void {
    if (this.isOver) return;
    this.resume();
    if ('problem' in body) {
      this.admitted?.abandon?.();
      this.send(this.refused(this.bodyRefusal(body)));
    } else if ('bytes' in body) this.run({ body: '', bytes: body.bytes });
    else this.run({ body: body.text });
  }

  private run(body: Pick<HttpRequest, 'body' | 'bytes' | 'stream'>): void {
    const { head, res, route } = this.received;
    this.answer({ ...head, ...body })
      .then((response) => this.send(response))
      .catch((error: unknown) => {
        this.around.log.error('HTTP answer failed', { path: route.path, error: String(error) });
        if (!this.isOver) res.close();
      });
  }

  private async answer(request: HttpRequest): Promise<HttpResponse> {
    try {
      return await (this.admitted as Admitted).handle(request);
    } catch (error) {
      this.admitted?.abandon?.();
      return this.failed(error);
    }
  }

  private failed(error: unknown): HttpResponse {
    if (error instanceof BodyError) return this.refused(error.refusal);
    const { path } = this.received.route;
    const shown = error instanceof Error ? error.stack : String(error);
    this.around.log.error('HTTP handler failed', { path, error: shown });
    return this.refused(refusal('internal', 'the request failed because of a fault of the server'));
  }

  private refused(problem: Refusal): HttpResponse {
    const { route, head } = this.received;
    return route.refused?.(problem, head) ?? refusalResponse(problem);
  }

  private send(response: HttpResponse): void {
    if (this.isOver) {
      if (response.body instanceof Feed) response.body.closed();
      return;
    }
    const { route, res, head, isHead } = this.received;
    const always = route.headers?.(head) ?? {};
    this.isOver = true;
    if (this.body instanceof IncomingStream) this.body.answered();
    count(this.around.counters, route.path, response, this.startedAt);
    const headers = { ...always, ...response.headers };
    if (response.body instanceof Feed)
      return new ResponseFeed(res, response.body).begin(statusLine(response.status), headers, isHead);
    if (!isStream(response.body)) return respond(res, { ...response, headers }, { isHead });
    this.stream = new ResponseStream(res, response.body, this.around.log);
    this.stream.begin(statusLine(response.status), headers, isHead);
  }

  /** Of a request that only looks nothing is read: a body has no meaning there (RFC 9110 section 9.3.1). */
  private get readsBody(): boolean {
    const { header, method } = this.received.head;
    if (method === 'GET' || method === 'OPTIONS') return false;
    return header('transfer-encoding') !== undefined || (header('content-length') ?? '0') !== '0';
  }

  private resume(): void {
    if (!this.isPaused) return;
    this.isPaused = false;
    this.received.res.resume();
  }

  private shareOf(budget: BodyBudget, atLeast: number): ReturnType<BodyBudget['shareOf']> {
    const { route, head } = this.received;
    return budget.shareOf(() => route.senderOf?.(head) ?? head.address, atLeast);
  }

  private bodyRefusal(body: Extract<Body, { problem: string }>): Refusal {
    if (body.problem === 'not_text')
      return refusal('malformed', `expected a body in UTF-8, got something else at byte ${body.at}`);
    return body.problem === 'too_large'
      ? refusal('payload_too_large', `expected a body of at most ${this.maxBytes} bytes`)
      : refusal('over_capacity', 'expected fewer large requests at the same time', 1_000);
  }
}

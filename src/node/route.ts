/** HTTP as the node's features see it; `transport/` carries it. */
import type { Refusal } from '../protocol/errors.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'OPTIONS';

export interface HttpRequest {
  readonly method: Method;
  readonly path: string;
  readonly query: URLSearchParams;
  /** Lower-case name → value; `undefined` when absent. */
  header(name: string): string | undefined;
  /** Parts of the path that the route names with `:name`. */
  readonly parameters: Readonly<Record<string, string>>;
  /** The whole body as text, at most as long as the route allows. */
  readonly body: string;
  /** The whole body as it came, for routes that take bytes; their `body` is empty. */
  readonly bytes?: Uint8Array;
  /** The body while it arrives, for routes that take a stream; without, there is none. It throws a `BodyError` where it breaks off. */
  readonly stream?: AsyncIterable<Uint8Array>;
  /** Address of the peer: a proxy's, where there is one. */
  readonly address: string;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /**
   * Text and bytes are sent as they are; `null` is no body at all; an async iterable is a stream of either, one piece at a
   * time as the client takes them; a {@link Feed} writes when it likes; anything else is sent as JSON.
   */
  readonly body: unknown;
}

/** Where a {@link Feed} writes to. Nothing of it may be used once the feed was told that it is closed, or has ended it. */
export interface FeedSink {
  /** Hands bytes over, which are copied. @returns whether the network took everything, as far as that is known */
  write(bytes: Uint8Array): boolean;
  /** The answer is whole. */
  end(): void;
  /** Cuts the connection without a word. */
  close(): void;
}

/** A body that is written as things happen, for as long as the client stays. */
export abstract class Feed {
  /** The head has been written. */
  abstract opened(sink: FeedSink): void;
  /** The network takes more. Bytes that it has not taken yet go out with the next write, and only with it: there must be one. */
  abstract writable(): void;
  /** The client has gone; perhaps before the answer began. */
  abstract closed(): void;
}

/** What `Allow` says of a path with these routes. `HEAD` is answered wherever `GET` is (RFC 9110 section 9.3.2). */
export function allowHeader(methods: readonly Method[]): string {
  return methods.flatMap((method) => (method === 'GET' ? [method, 'HEAD'] : [method])).join(', ');
}

/** What is known of a request before its body. */
export type RequestHead = Omit<HttpRequest, 'body' | 'bytes' | 'stream'>;

export type Handler = (request: HttpRequest) => Promise<HttpResponse> | HttpResponse;

/** What becomes of a request by its head alone: it is answered, or its body is waited for by a handler that knows who asks. */
export type Verdict = { readonly answer: HttpResponse } | Admitted;

export interface Admitted {
  readonly handle: Handler;
  /** The client has gone, or sent a body that is none, or the handler threw, before it was answered. */
  readonly abandon?: () => void;
}

interface Endpoint {
  readonly method: Method;
  /** Literal segments and `:name` parts. */
  readonly path: string;
  /** Bytes of a body; without, 1 MiB. */
  readonly maxBody?: number;
  /** The body is handed over as bytes, whatever they are, or while it arrives; without, as text in UTF-8. */
  readonly takes?: 'bytes' | 'stream';
  /** Headers of every answer, also of those that the transport gives itself: a body that is too large, a handler that throws. */
  headers?(request: Pick<HttpRequest, 'header'>): Readonly<Record<string, string>>;
  /** Whose share of what arrives a body takes; without, the peer's. */
  senderOf?(head: RequestHead): string;
  /** A refusal as clients of this route know it, also one of the transport; without, as docs/http.md says. */
  refused?(problem: Refusal, request: Pick<HttpRequest, 'header'>): HttpResponse;
}

/** For everybody. A handler that throws is answered with 500. */
export interface OpenRoute extends Endpoint {
  handle: Handler;
}

/** For those who are let in. */
export interface GuardedRoute extends Endpoint {
  /**
   * Decides who may send a body, before anything of it is kept.
   * @param decide called once, before this returns or later
   */
  authorize(head: RequestHead, decide: (verdict: Verdict) => void): void;
}

/** One HTTP endpoint. */
export type Route = OpenRoute | GuardedRoute;

/** Asks a route about a head, whatever kind of route it is. */
export function authorize(route: Route, head: RequestHead, decide: (verdict: Verdict) => void): void {
  if ('authorize' in route) route.authorize(head, decide);
  else decide(route);
}

/** What a parent and its workers say to each other, as JSON over the channel that Node.js gives to child processes. */
import type { Config } from '../../config/schema.ts';
import type { HttpResponse, Method } from '../../node/route.ts';
import type { MetricSnapshot } from '../../telemetry/metrics-registry.ts';

/** An HTTP request that the parent got, for a route of the worker. */
export interface ForwardedRequest {
  readonly method: Method;
  readonly path: string;
  readonly query: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly parameters: Readonly<Record<string, string>>;
  readonly body: string;
  readonly address: string;
}

export type Call =
  | { readonly what: 'ping' }
  | { readonly what: 'metrics' }
  /** Whether a request may send its body. The path as the route has it, with its `:name` parts. */
  | { readonly what: 'authorize'; readonly route: string; readonly request: ForwardedRequest }
  | { readonly what: 'route'; readonly route: string; readonly request: ForwardedRequest };

export interface Answers {
  readonly ping: null;
  readonly metrics: MetricSnapshot;
  /** The answer to a request that is not let in, or `null`. */
  readonly authorize: HttpResponse | null;
  readonly route: HttpResponse;
}

export type ToWorker =
  | { readonly kind: 'start'; readonly config: Config }
  | { readonly kind: 'call'; readonly id: number; readonly call: Call }
  | { readonly kind: 'drain'; readonly graceMs: number; readonly listenerFirst: boolean };

export type FromWorker =
  | { readonly kind: 'serving' }
  /** An operator told it to end: it is not to be started again. */
  | { readonly kind: 'leaving' }
  /** Its last figures: what it counted must not be lost with it. */
  | { readonly kind: 'last'; readonly metrics: MetricSnapshot }
  | { readonly kind: 'answer'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'failed'; readonly id: number; readonly problem: string };

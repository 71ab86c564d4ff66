/** Routes of an application: the core checks callers and requests, charges them, and describes the routes in the OpenAPI document. */
import type { z } from 'zod';
import type { Principal } from '../auth/principal.ts';
import type { Refusal } from '../protocol/errors.ts';
import type { MaybePromise, Zod } from './vocabulary.ts';

/** Anybody; any good token; tokens with the role `service`; those with the role `admin` and of no tenant: operators of the server. */
export type Access = 'public' | 'user' | 'service' | 'admin';

export type AppMethod = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export interface RouteRequest<A extends Access, Body, Query> {
  /** `null` for public routes. */
  readonly principal: A extends 'public' ? null : Principal;
  /** Parts of the path that the route names with `:name`. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly query: Query;
  readonly body: Body;
  /** Lower-case name; `undefined` when absent. */
  readonly header: (name: string) => string | undefined;
  /** Of the client, behind trusted proxies. */
  readonly address: string;
  /** Aborted when the deadline is over. */
  readonly signal: AbortSignal;
}

/** What a body may be: JSON values, text, bytes, pieces that come one after the other, or none. */
export type ResponseBody = unknown;

export interface RouteResponse {
  /** Without, 200, or 204 when there is no body. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Strings are text, `Uint8Array` bytes, an async iterable of either a stream; anything else is sent as JSON. */
  readonly body?: ResponseBody;
}

export interface RouteDefinition<A extends Access, Body, Query> {
  /** `GET` answers `HEAD` too. */
  readonly method: AppMethod;
  /** Below `/api/`, `/apps/<name>/` or one of the application's `places`: literal segments and `:name` parts. */
  readonly path: string;
  readonly access: A;
  /** One line for the OpenAPI document. */
  readonly summary: string;
  /**
   * Of the JSON body. `'bytes'` hands over a `Uint8Array` unread. `'stream'` hands over an async iterable of pieces while they
   * arrive: who does not read on makes the client wait. Without, there is no body.
   */
  readonly body?: ((z: Zod) => z.ZodType<Body>) | 'bytes' | 'stream';
  /** Of the query, whose values are strings; a name that comes twice has a list. */
  readonly query?: (z: Zod) => z.ZodType<Query>;
  /** Of the JSON in good answers, by status, for the OpenAPI document. */
  readonly answers?: (z: Zod) => Readonly<Record<number, z.ZodType>>;
  /** Bytes of a body; without, 1 MiB. */
  readonly maxBody?: number;
  /** Tokens of the rate limits of the user that a request costs; without, 1. Strangers are charged by address; 0 charges nobody, for webhooks that are signed. */
  readonly cost?: number;
  /**
   * Milliseconds for the answer, of a stream for its first piece; without, `apps.deadline_ms`. A body that is read while it
   * arrives arrives within them.
   */
  readonly deadlineMs?: number;
  /** Whether web pages of `security.allowed_origins` may call it; without, they may. */
  readonly crossOrigin?: boolean;
  /** Whether read-only mode refuses it; without, all methods but GET. */
  readonly writes?: boolean;
  /**
   * A refusal as clients of the application know it: its own, and those of the server before the handler (token, rate, schema, size).
   * Never waits. Without, as docs/http.md says. `Retry-After` and what a status asks for are added.
   */
  refused?(problem: Refusal, request: Pick<RouteRequest<Access, unknown, unknown>, 'header'>): RouteResponse;
  handle(request: RouteRequest<A, Body, Query>): MaybePromise<RouteResponse | Refusal>;
}

/** A definition whose types have been checked against one another. */
export type AppRoute = RouteDefinition<Access, unknown, unknown>;

/** A route of an application, for the edge that serves it: the caller and the request are checked before its handler. */
import type { z } from 'zod';
import type { Principal } from '../auth/principal.ts';
import type { Refusal } from '../protocol/errors.ts';
import type { HttpRequest, HttpResponse, Method } from './route.ts';

/** Anybody; any good token; tokens with the role `service`; those with the role `admin` and of no tenant. */
type Access = 'public' | 'user' | 'service' | 'admin';

export interface ApplicationRoute {
  /** The application. */
  readonly app: string;
  readonly method: Exclude<Method, 'OPTIONS'>;
  readonly path: string;
  readonly access: Access;
  readonly summary: string;
  /** Of a JSON body; `bytes` as they came; `stream` while they come; `null` takes none. */
  readonly body: z.ZodType | 'bytes' | 'stream' | null;
  readonly query: z.ZodType | null;
  /** What good answers hold, by status. */
  readonly answers: Readonly<Record<number, z.ZodType>>;
  readonly maxBody: number | undefined;
  /** Tokens. */
  readonly cost: number;
  readonly crossOrigin: boolean;
  /** Whether read-only mode refuses it. */
  readonly writes: boolean;
  /** A refusal as clients of the application know it; `null`: as docs/http.md says. Never throws. */
  readonly refused: ((problem: Refusal, request: Pick<HttpRequest, 'header'>) => HttpResponse) | null;
  /** Never throws, and answers in time. */
  answer(request: CheckedRequest): Promise<HttpResponse | Refusal>;
}

export interface CheckedRequest {
  readonly principal: Principal | null;
  readonly parameters: Readonly<Record<string, string>>;
  readonly query: unknown;
  readonly body: unknown;
  readonly header: (name: string) => string | undefined;
  /** Of the client, as far as proxies are trusted. */
  readonly address: string;
}

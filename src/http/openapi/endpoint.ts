/** What is said of an HTTP endpoint in the OpenAPI description; the Route of the same method and path does it. */
import type { z } from 'zod';
import type { Method } from '../../node/route.ts';
import type { Reason } from '../../protocol/errors.ts';

/** The schema of a JSON body, or schemas by media type. */
export type Content = z.ZodType | { readonly byMediaType: Readonly<Record<string, z.ZodType>> };

export type Role = 'user' | 'service' | 'admin';

export interface Endpoint {
  readonly method: Exclude<Method, 'OPTIONS'>;
  /** As the Route has it, with `:name` parts. */
  readonly path: string;
  /** A name that no other endpoint has, for generated clients. */
  readonly operation: string;
  /** Endpoints with the same tag stand together. */
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  /** The role that a bearer token must have, `user` being any token; without, nothing is asked for. */
  readonly role?: Role;
  /** The parts of the path that are named; those not described here are any text. */
  readonly parameters?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly headers?: z.ZodObject;
  /** The body of the request. */
  readonly request?: Content;
  /** What 200 answers. */
  readonly response: Content;
  /** Bodies of other answers that are no refusals, by status. */
  readonly otherResponses?: Readonly<Record<number, { readonly description: string; readonly content: z.ZodType }>>;
  /** Headers of the answer 200, with what they say. */
  readonly responseHeaders?: Readonly<Record<string, string>>;
  /** Refusals beside those that every endpoint of the role can give. */
  readonly reasons?: readonly Reason[];
}

/** Reads JSON bodies against a schema, whatever `Content-Type` says: operators type `curl -d` without it. */
import type { z } from 'zod';
import type { HttpResponse } from '../node/route.ts';
import { refusal, type Refusal } from '../protocol/errors.ts';
import { MAX_DEPTH } from '../protocol/limits.ts';
import { surrogateProblem } from '../protocol/text.ts';
import { refusalResponse } from '../node/refusal-response.ts';
import { schemaRefusal } from '../node/schema-refusal.ts';

interface Refused {
  readonly refusal: Refusal;
  /** The same as an answer. */
  readonly response: HttpResponse;
}

type Answer<T> = { readonly value: T } | Refused;

/** The value, or the refusal that says what was expected. */
export function readBody<T extends z.ZodType>(body: string, schema: T): Answer<z.output<T>> {
  const half = surrogateProblem(body);
  if (half !== null) return refused(refusal('invalid_field', `body: ${half}`));
  const parsed = parseBody(body);
  if ('response' in parsed) return parsed;
  if (isDeeper(parsed.value, MAX_DEPTH))
    return refused(refusal('invalid_field', `body: expected at most ${MAX_DEPTH} levels`));
  const result = schema.safeParse(parsed.value);
  return result.success ? { value: result.data } : refused(schemaRefusal(result.error, 'body'));
}

/** Schemas and encoders go down into a value by calling themselves: deeper than this they would run out of stack. */
function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((inner) => isDeeper(inner, levels - 1));
}

/** The value that a body is, whatever it is; what strings in it hold is still to be looked at. */
export function parseBody(body: string): Answer<unknown> {
  try {
    return { value: body === '' ? {} : JSON.parse(body) };
  } catch {
    return refused(refusal('malformed', 'expected a JSON body'));
  }
}

function refused(problem: Refusal): Refused {
  return { refusal: problem, response: refusalResponse(problem) };
}

/** Reads JSON bodies against a schema, whatever `Content-Type` says: operators type `curl -d` without it. */
import type { z } from 'zod';
import type { HttpResponse } from '../node/route.ts';
import { refusal, type Refusal } from '../protocol/errors.ts';
import { refusalResponse } from '../node/refusal-response.ts';

/** The value, or the refusal that says what was expected. */
export function readBody<T extends z.ZodType>(
  body: string,
  schema: T,
): { readonly value: z.output<T> } | { readonly response: HttpResponse } {
  let parsed: unknown;
  try {
    parsed = body === '' ? {} : JSON.parse(body);
  } catch {
    return { response: refusalResponse(refusal('malformed', 'expected a JSON body')) };
  }
  const result = schema.safeParse(parsed);
  return result.success ? { value: result.data } : { response: refusalResponse(explain(result.error)) };
}

function explain(error: z.ZodError): Refusal {
  const [issue] = error.issues;
  const path = issue?.path.map(String).join('.') ?? '';
  const keys = issue?.code === 'unrecognized_keys' ? ` (${issue.keys.join(', ')})` : '';
  return refusal('invalid_field', `${path === '' ? 'body' : path}: ${issue?.message ?? 'not as expected'}${keys}`);
}

/** Reads a body as JSON. */
import { refusal, type Refusal } from '../protocol/errors.ts';
import { surrogateProblem } from '../protocol/text.ts';

export function readJson(body: string): { readonly json: unknown } | Refusal {
  const half = surrogateProblem(body);
  if (half !== null) return refusal('invalid_field', `body: ${half}`);
  try {
    return { json: JSON.parse(body) as unknown };
  } catch {
    return refusal('malformed', 'expected a JSON body');
  }
}

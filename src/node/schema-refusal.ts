/** What is told to a client whose values are not as a schema has them: the first thing that is wrong. */
import type { z } from 'zod';
import { refusal, type Refusal } from '../protocol/errors.ts';

/** @param root what the values are called: `body`, `data`, `query` */
export function schemaRefusal(error: z.ZodError, root: string): Refusal {
  const [issue] = error.issues;
  const path = issue?.path.map(String).join('.') ?? '';
  // Fields of a frame are named as those of the server's own frames are.
  const inFrame = root === 'data' ? `data.${path}` : path;
  const keys = issue?.code === 'unrecognized_keys' ? ` (${issue.keys.join(', ')})` : '';
  const message = inOurWords(issue?.message ?? 'not as expected');
  return refusal('invalid_field', `${path === '' ? root : inFrame}: ${message}${keys}`);
}

/** The schema library's own sentence for a value of another type. */
function inOurWords(message: string): string {
  const [, expected, got] = /^Invalid input: expected (.+), received (.+)$/.exec(message) ?? [];
  return expected === undefined ? message : `expected ${expected}, got ${got === 'undefined' ? 'nothing' : got}`;
}

/** What is told to a client whose values are not as a schema has them: the first thing that is wrong. */
import type { z } from 'zod';
import { refusal, type Refusal } from '../protocol/errors.ts';

/** @param root what the values are called: `body`, `data`, `query` */
export function schemaRefusal(error: z.ZodError, root: string): Refusal {
  const [issue] = error.issues;
  const path = issue?.path.map(String).join('.') ?? '';
  const keys = issue?.code === 'unrecognized_keys' ? ` (${issue.keys.join(', ')})` : '';
  return refusal('invalid_field', `${path === '' ? root : path}: ${issue?.message ?? 'not as expected'}${keys}`);
}

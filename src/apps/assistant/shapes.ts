/** What clients send, in frames and over HTTP alike. */
import type { JsonValue } from '../../protocol/frames.ts';
import type { Zod } from '../vocabulary.ts';

const MAX_METADATA = 4_096;
const UNKEPT = /[\0\uD800-\uDFFF]/u;

export function sessionId(z: Zod) {
  return z.string().regex(/^[A-Za-z0-9_-]{1,128}$/, 'expected the id of a session');
}

/** PostgreSQL keeps no NUL and no halves of characters. */
function text(z: Zod, most: number) {
  return z
    .string()
    .max(most)
    .refine((value) => !UNKEPT.test(value), 'expected no NUL and no halves of characters');
}

export function sessionBody(z: Zod) {
  return z.strictObject({
    clientName: text(z, 200).optional(),
    context: text(z, 8_000).optional(),
    metadata: z
      .record(z.string(), z.custom<JsonValue>())
      .refine((value) => {
        const json = JSON.stringify(value);
        return json.length <= MAX_METADATA && !json.includes(String.raw`\u0000`) && !/\\ud[89a-f]/.test(json);
      }, `expected at most ${MAX_METADATA} characters as JSON, without NUL and halves of characters`)
      .optional(),
  });
}

/** The operation refuses a content that is too long. */
export function askBody(z: Zod) {
  const { clientName, context } = sessionBody(z).shape;
  return z.strictObject({
    content: z.string(),
    clientId: z.string().optional(),
    clientName,
    context,
    quickAction: text(z, 100).optional(),
  });
}

export function sessionChange(z: Zod) {
  return sessionBody(z).extend({ status: z.enum(['active', 'closed']).optional() });
}

export function listQuery(z: Zod) {
  return z.strictObject({
    limit: z.coerce.number().int().min(1).max(100).optional(),
    status: z.enum(['active', 'closed', 'expired']).optional(),
    after: z.string().max(500).optional(),
  });
}

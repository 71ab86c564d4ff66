/** Ids of conversations in frames: UUIDs of ours. A text that is none is refused before a database is asked, or a batch has it. */
import type { Zod } from '../vocabulary.ts';

export function conversationId(z: Zod) {
  return z.string().regex(/^[A-Za-z0-9_:-]{1,128}$/, 'expected the id of a conversation');
}

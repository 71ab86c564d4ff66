/** Keys about messages. */
import type { Zod } from '../../vocabulary.ts';

export function messageKeys(z: Zod) {
  const count = (fallback: number, min: number, max: number) => z.int().min(min).max(max).default(fallback);
  return {
    max_content: count(2_000, 1, 10_000).describe('characters of a message'),
    max_system_content: count(500, 1, 10_000).describe('characters of a system message'),
    max_attachments: count(10, 0, 100).describe('attachments of a message'),
    max_mentions: count(50, 0, 1_000).describe('users that a message mentions'),
    max_message_metadata_bytes: count(2_048, 2, 65_536).describe('bytes of the metadata of a message, as JSON'),
    edit_secs: count(0, 0, 315_360_000).describe(
      'seconds during which the sender of a message may edit it; 0: without an end',
    ),
  };
}

/** Keys about conversations and their members. */
import type { Zod } from '../../vocabulary.ts';

export function memberKeys(z: Zod) {
  const count = (fallback: number, min: number, max: number) => z.int().min(min).max(max).default(fallback);
  const readable = (fallback: 'all' | 'joined', kind: string) =>
    z
      .enum(['all', 'joined'])
      .default(fallback)
      .describe(`what a new member of a ${kind} may read: all of it, or what comes after joining`);
  return {
    max_members: count(1_000, 3, 10_000).describe('members of a group or space'),
    max_name: count(100, 1, 1_000).describe('characters of the name of a conversation'),
    max_description: count(1_000, 1, 10_000).describe('characters of the description of a conversation'),
    max_metadata_bytes: count(4_096, 2, 65_536).describe('bytes of the metadata of a conversation, as JSON'),
    group_history: readable('joined', 'group'),
    space_history: readable('all', 'space'),
    retention_days: count(0, 0, 36_500).describe('messages older than this many days are deleted; 0: none are'),
    deleted_user_days: count(30, 0, 3_650).describe('days after which the messages of a deleted user are blanked'),
    audit_days: count(365, 0, 36_500).describe(
      'rows of the audit that are older than this many days are deleted; 0: none are',
    ),
    admin_roles: z
      .array(z.string().min(1))
      .default(['service'])
      .describe('roles of tokens that may read every conversation of their tenant, which is written down each time'),
  };
}

/** What frames on conversations and their members carry. */
import type { Zod } from '../../vocabulary.ts';
import { conversationId } from '../conversation-id.ts';

/** Users in one frame. */
const MAX_USERS = 100;
const MAX_TEXT = 10_000;

function user(z: Zod) {
  return z.string().min(1).max(256);
}

function users(z: Zod) {
  return z.array(user(z)).max(MAX_USERS);
}

function metadata(z: Zod) {
  return z.record(z.string(), z.json()).optional();
}

export function conversation(z: Zod) {
  return z.strictObject({ conversation: conversationId(z) });
}

export function member(z: Zod) {
  return z.strictObject({ conversation: conversationId(z), user: user(z) });
}

/** Members behind `after`. */
export function page(z: Zod) {
  return z.strictObject({ conversation: conversationId(z), after: user(z).optional() });
}

export function archived(z: Zod) {
  return z.strictObject({ conversation: conversationId(z), isArchived: z.boolean().default(true) });
}

export function created(z: Zod) {
  const text = () => z.string().min(1).max(MAX_TEXT).optional();
  const label = () => z.string().min(1).max(100).optional();
  return z.discriminatedUnion('kind', [
    z.strictObject({
      kind: z.literal('private'),
      with: user(z),
      user: user(z).optional(),
      label: label(),
      withLabel: label(),
      metadata: metadata(z),
    }),
    z.strictObject({
      kind: z.literal('group'),
      name: text(),
      description: text(),
      members: z.array(user(z)).max(MAX_TEXT),
      metadata: metadata(z),
    }),
    z.strictObject({
      kind: z.literal('space'),
      space: z.string().min(1).max(256),
      name: text(),
      description: text(),
      members: z.array(user(z)).max(MAX_TEXT).optional(),
      metadata: metadata(z),
    }),
  ]);
}

export function updated(z: Zod) {
  const text = () => z.string().min(1).max(MAX_TEXT).nullable().optional();
  return z.strictObject({
    conversation: conversationId(z),
    name: text(),
    description: text(),
    status: z.enum(['active', 'resolved', 'closed']).optional(),
    metadata: metadata(z),
  });
}

export function added(z: Zod) {
  return z.strictObject({
    conversation: conversationId(z),
    users: users(z).min(1),
    role: z.enum(['admin', 'moderator', 'member', 'reader']).optional(),
    invite: z.boolean().optional(),
  });
}

export function set(z: Zod) {
  const flag = () => z.boolean().nullable().optional();
  return z.strictObject({
    conversation: conversationId(z),
    user: user(z).optional(),
    role: z.enum(['owner', 'admin', 'moderator', 'member', 'reader']).optional(),
    canSend: flag(),
    canUpload: flag(),
    canAdd: flag(),
    canRemove: flag(),
    notifications: z.boolean().optional(),
    accept: z.boolean().optional(),
  });
}

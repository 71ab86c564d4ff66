/** What a message refers to: the message that it answers, members and uploads. Most refer to nothing, and nothing is asked. */
import type { Refusal } from '../../../protocol/errors.ts';
import { may } from '../members/roles.ts';
import { find, readableBy, unknownConversation } from '../members/standing.ts';
import type { Actor } from '../ports.ts';
import type { Tables } from '../tables.ts';
import type { Body } from './body.ts';
import { strangersAmong } from './mentions.ts';
import { refuseField, type Attachment, type MessagePorts } from './ports.ts';

export interface References {
  /** The first message of the thread that it belongs to. */
  readonly thread: number | null;
  readonly attachments: readonly Attachment[];
  /** By which its uploads are let go of again; `null` where it names none. */
  readonly claim: string | null;
}

const NOTHING: References = { thread: null, attachments: [], claim: null };

export async function referencesOf(
  ports: MessagePorts,
  actor: Actor,
  id: string,
  { parent, mentions = [], attachments = [] }: Body,
): Promise<References | Refusal> {
  if (parent === undefined && mentions.length === 0 && attachments.length === 0) return NOTHING;
  const { tenant, user } = actor;
  const found = await find(ports.database.tables<Tables>(), { tenant, id, user });
  const member = found?.member;
  if (member?.status !== 'active') return unknownConversation(ports, id);
  if (attachments.length > 0 && !may(member, 'upload'))
    return ports.host.refuse('not_allowed', 'expected a member who may send files here');
  const thread =
    parent === undefined ? null : await threadOf(ports, { tenant, id, parent, readable: readableBy(member) });
  if (parent !== undefined && thread === null)
    return refuseField(ports, { field: 'parent', problem: `expected a message of this conversation, got ${parent}` });
  const strangers = await strangersAmong(ports, { tenant, id }, mentions);
  if (strangers.length > 0)
    return refuseField(ports, {
      field: `mentions.${mentions.indexOf(strangers[0] ?? '')}`,
      problem: 'expected a member of this conversation',
    });
  const claim = ports.host.random.id();
  const files =
    attachments.length === 0 ? [] : await ports.uploads.claim({ tenant, user, conversation: id }, attachments, claim);
  if (files === null)
    return refuseField(ports, {
      field: 'attachments',
      problem: 'expected uploads of the sender for this conversation',
    });
  return { thread, attachments: files, claim: files.length === 0 ? null : claim };
}

/** The thread that answers to a message belong to; `null` where there is no such message to be answered. */
async function threadOf(
  { database }: MessagePorts,
  {
    tenant,
    id,
    parent,
    readable,
  }: {
    readonly tenant: string;
    readonly id: string;
    readonly parent: number;
    readonly readable: { readonly after: number; readonly to: number } | null;
  },
): Promise<number | null> {
  if (readable === null || parent <= readable.after || parent > readable.to) return null;
  const row = await database
    .tables<Tables>()
    .selectFrom('events')
    .select(['sequence', 'thread'])
    .where('tenant', '=', tenant)
    .where('conversation', '=', id)
    .where('sequence', '=', parent)
    .where('message', 'is not', null)
    .where('deleted_at', 'is', null)
    .executeTakeFirst();
  return row === undefined ? null : (row.thread ?? row.sequence);
}

/** Fields of operations, as the clients of each guide name them: a refusal says which one it is about. */
import type { Refusal } from '../../protocol/errors.ts';

type Names = Readonly<Record<string, string>>;

/** Guide 000. */
export const MARKETPLACE_NAMES: Names = {
  type: 'messageType',
  attachments: 'images',
  metadata: 'bookingId',
  with: 'artistId',
};

/** Guide 003. */
export const CHAT_NAMES: Names = {
  parent: 'parentMessageId',
  clientId: 'optimisticId',
  mentions: 'metadata.mentions',
  members: 'participantIds',
  with: 'participantIds',
  user: 'userId',
  users: 'userIds',
  text: 'q',
};

export function renamed(refusal: Refusal, names: Names): Refusal {
  const { message, details } = refusal;
  const place = details?.['field'];
  const named = typeof place === 'string' ? { ...details, field: renamedText(place, names) } : details;
  return { ...refusal, message: renamedText(message, names), ...(named !== undefined && { details: named }) };
}

/** Texts begin with the field: `attachments.0: expected …`. That a frame has its fields in `data` is nothing to these clients. */
export function renamedText(text: string, names: Names): string {
  const [, field = '', rest = ''] = /^(?:data\.)?(\w+)((?:\.\d+)?(?::.*)?)$/s.exec(text) ?? [];
  if (field === '') return text;
  const name = Object.hasOwn(names, field) ? names[field] : undefined;
  return (name ?? field) + rest;
}

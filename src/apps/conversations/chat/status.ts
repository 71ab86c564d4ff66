/** What has become of the messages of a page, as their senders see it: by the positions of the members. */
import type { FacadeMessage } from '../facade-message.ts';
import type { MemberPosition } from '../positions/positions.ts';
import { statusOf, type MessageStatus } from '../positions/status.ts';

/** @param positions of all members; `null` where they are not known: then a message was accepted, and no more is said */
export function statusAmong(
  { from, sequence, deletedAt }: FacadeMessage,
  positions: readonly MemberPosition[] | null,
): MessageStatus {
  const isDeleted = deletedAt !== undefined;
  if (positions === null) return isDeleted ? 'DELETED' : 'SENT';
  return statusOf(
    { sequence, isDeleted },
    positions.filter(({ user }) => user !== from),
  );
}

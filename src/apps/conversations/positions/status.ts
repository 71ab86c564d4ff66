/**
 * The state of a message, as its sender sees it. It is kept nowhere: what the sender knows of it, and the positions of the
 * other members, say it.
 */
export type MessageStatus = 'PENDING' | 'SENT' | 'DELIVERED' | 'READ' | 'FAILED' | 'DELETED';

export interface SentMessage {
  /** `null` as long as nothing has confirmed it. */
  readonly sequence: number | null;
  /** It was refused for good, and so has no sequence. */
  readonly isRefused?: boolean;
  readonly isDeleted?: boolean;
}

export interface Position {
  readonly readTo: number;
  readonly deliveredTo: number;
}

export interface Receipts {
  readonly delivered: number;
  readonly read: number;
  /** Members beside the sender. */
  readonly of: number;
}

/** @param others active members beside the sender. DELIVERED and READ are said when they are so for all of them */
export function statusOf(message: SentMessage, others: readonly Position[]): MessageStatus {
  const { sequence, isRefused = false, isDeleted = false } = message;
  if (sequence === null) return isRefused ? 'FAILED' : 'PENDING';
  if (isDeleted) return 'DELETED';
  const { delivered, read, of } = receiptsOf(sequence, others);
  // Nobody is there who could have read it.
  if (of === 0) return 'SENT';
  if (read === of) return 'READ';
  return delivered === of ? 'DELIVERED' : 'SENT';
}

/** How many have it: what a group shows. */
export function receiptsOf(sequence: number, others: readonly Position[]): Receipts {
  let delivered = 0;
  let read = 0;
  for (const { readTo, deliveredTo } of others) {
    if (readTo >= sequence) read += 1;
    if (Math.max(readTo, deliveredTo) >= sequence) delivered += 1;
  }
  return { delivered, read, of: others.length };
}

/** How far the members are. Positions move forward only, so the greatest that was told is the true one. */
import type { Timeline } from './timeline.ts';
import type { Position } from './wire.ts';

export interface Receipts {
  readonly delivered: number;
  readonly read: number;
  /** Members beside the sender. */
  readonly of: number;
}

export type MessageStatus = 'sending' | 'failed' | 'sent' | 'delivered' | 'read';

export class Positions {
  readonly #members = new Set<string>();
  /** Also of users who come as members only in a moment: the two topics of a conversation have no common order. */
  readonly #places = new Map<string, Omit<Position, 'user'>>();
  /** Messages of the conversation, and how many of them were read, as far as pages of members told it. */
  #messages = 0;
  #read = 0;

  /** All active members, as they were read just now. */
  read(positions: readonly Position[]): void {
    this.#members.clear();
    for (const { user, readTo, deliveredTo } of positions) {
      this.#members.add(user);
      this.move(user, readTo, true);
      this.move(user, deliveredTo, false);
    }
  }

  member(user: string, isActive: boolean): void {
    if (isActive) this.#members.add(user);
    else if (this.#members.delete(user)) this.#places.delete(user);
  }

  /** Reading is delivery, too. */
  move(user: string, to: number, isRead: boolean): void {
    const { readTo = 0, deliveredTo = 0 } = this.#places.get(user) ?? {};
    this.#places.set(user, { readTo: isRead ? Math.max(readTo, to) : readTo, deliveredTo: Math.max(deliveredTo, to) });
  }

  counted(messages: number, unread: number): void {
    this.#messages = Math.max(this.#messages, messages);
    this.#read = Math.max(this.#read, messages - unread);
  }

  readTo(user: string): number {
    return this.#places.get(user)?.readTo ?? 0;
  }

  /** Arithmetic of positions: the messages less those up to the read one, or to the last that one has sent. */
  unread({ placed, me }: Timeline): number {
    let messages = this.#messages;
    let read = this.#read;
    const to = this.readTo(me);
    for (const { view } of placed) {
      messages = Math.max(messages, view.n);
      if (view.from === me || view.sequence <= to) read = Math.max(read, view.n);
    }
    return messages - Math.min(messages, read);
  }

  others(me: string): readonly Omit<Position, 'user'>[] {
    const none = { readTo: 0, deliveredTo: 0 };
    return [...this.#members].filter((user) => user !== me).map((user) => this.#places.get(user) ?? none);
  }
}

export function receiptsOf(sequence: number, others: readonly Omit<Position, 'user'>[]): Receipts {
  let [delivered, read] = [0, 0];
  for (const { readTo, deliveredTo } of others) {
    if (readTo >= sequence) read += 1;
    if (deliveredTo >= sequence) delivered += 1;
  }
  return { delivered, read, of: others.length };
}

/** `delivered` and `read` are said when they are so for all the others. */
export function statusOf({ delivered, read, of }: Receipts): MessageStatus {
  if (of === 0) return 'sent';
  if (read === of) return 'read';
  return delivered === of ? 'delivered' : 'sent';
}

/**
 * The subscriptions of a connection that have something to write, in the order of their turns. The list runs through the
 * subscriptions themselves, and its ends are fields of the connection: joining it costs no memory, and an idle connection
 * has no list.
 */
import type { Subscription } from '../router/subscription.ts';

/** The part of a connection that is the list. */
interface Waiting {
  firstWaiting: Subscription | null;
  lastWaiting: Subscription | null;
}

/** Puts the subscription at the end, unless it waits already. */
export function enqueue(list: Waiting, subscription: Subscription): void {
  if (subscription.isWaiting) return;
  subscription.isWaiting = true;
  if (list.lastWaiting === null) list.firstWaiting = subscription;
  else list.lastWaiting.nextWaiting = subscription;
  list.lastWaiting = subscription;
}

/** Takes a subscription out. @param previous the one before it in the list */
export function dequeue(list: Waiting, subscription: Subscription, previous: Subscription | null): void {
  if (previous === null) list.firstWaiting = subscription.nextWaiting;
  else previous.nextWaiting = subscription.nextWaiting;
  if (list.lastWaiting === subscription) list.lastWaiting = previous;
  subscription.nextWaiting = null;
  subscription.isWaiting = false;
}

/** Everybody up to `last` goes behind the others: a subscription that had a turn is not the first to have the next one. */
export function rotate(list: Waiting, last: Subscription): void {
  if (last.nextWaiting === null || list.lastWaiting === null) return;
  list.lastWaiting.nextWaiting = list.firstWaiting;
  list.firstWaiting = last.nextWaiting;
  list.lastWaiting = last;
  last.nextWaiting = null;
}

/** The connection has ended: nothing is written any more. */
export function clearWaiting(list: Waiting): void {
  list.firstWaiting = null;
  list.lastWaiting = null;
}

export function* waiting({ firstWaiting }: Readonly<Waiting>): Iterable<Subscription> {
  for (let each = firstWaiting; each !== null; each = each.nextWaiting) yield each;
}

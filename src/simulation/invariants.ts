/** What must hold after every step, looked up inside the node. */
import { unaccounted } from '../router/audit.ts';
import { JOINING } from '../router/subscription.ts';
import { promise } from './violation.ts';
import { DECISIONS } from './conditions.ts';
import type { World } from './world.ts';

export function checkInvariants(world: World): void {
  if (world.found !== null) throw world.found;
  promise(world.unplanned === null, 'nothing throws', () => world.unplanned ?? '');
  checkMailboxes(world);
  checkBooks(world);
  checkRouting(world);
  checkSupervision(world);
  // The node's pulse, the rest of its rounds, its questions to owners, requests with frames and, while publications wait, its flush: connections have no timers that
  // could outlive them.
  promise(
    world.clock.pendingTimers ===
      (world.flusher.isCoalescing ? 2 : 1) +
        (world.isSweeping ? 1 : 0) +
        world.broker.timers +
        questions(world) +
        world.briefAnswers,
    'no timer of a dead actor',
    () => `${world.clock.pendingTimers} timers are pending`,
  );
}

/** Each has a time by which it is answered. */
function questions({ decisions, owner }: World): number {
  return decisions.pending + (owner?.waitingFor(DECISIONS.timeoutMs) ?? 0);
}

function checkMailboxes({ node, conditions }: World): void {
  let total = 0;
  for (const connection of node.connections) {
    const { queuedCount, queuedBytes, subscriptions, id } = connection;
    const count = subscriptions.reduce((sum, subscription) => sum + subscription.queued, 0);
    const bytes = subscriptions.reduce((sum, subscription) => sum + subscription.queuedBytes, 0);
    promise(
      count === queuedCount && bytes === queuedBytes,
      'mailboxes count what they hold',
      () => `${id} counts ${queuedCount} (${queuedBytes} B) and holds ${count} (${bytes} B)`,
    );
    promise(
      queuedCount <= conditions.mailboxCapacity,
      'mailboxes are bounded',
      () => `${id} holds ${queuedCount} of ${conditions.mailboxCapacity}`,
    );
    promise(
      queuedBytes <= conditions.mailboxBytes,
      'mailboxes are bounded',
      () => `${id} holds ${queuedBytes} of ${conditions.mailboxBytes} B`,
    );
    total += queuedBytes;
  }
  const counted = node.parts.context.backlog.bytes;
  promise(
    counted === total,
    'mailboxes count what they hold',
    () => `the node counts ${counted} B and holds ${total} B`,
  );
}

function checkBooks({ node, counters }: World): void {
  promise(
    counters.unaccounted === 0,
    'conservation',
    () => `${counters.unaccounted} publications of ended subscriptions are unexplained`,
  );
  for (const connection of node.connections) {
    for (const subscription of connection.subscriptions) {
      const { topic } = subscription;
      const missing = unaccounted(subscription);
      promise(
        missing === 0,
        'conservation',
        () => `${connection.id} cannot explain ${missing} publications of ${topic.name}`,
      );
      if (subscription.state === JOINING) continue;
      promise(
        subscription.written <= topic.routedHead,
        'written is routed',
        () => `${connection.id} wrote ${topic.name} up to ${subscription.written} of ${topic.routedHead}`,
      );
    }
  }
}

function checkRouting({ node, router }: World): void {
  for (const topic of router.openTopics()) {
    for (const [slot, subscription] of topic.subscriptions.entries()) {
      promise(
        subscription.slot === slot,
        'no stale subscription',
        () => `${topic.name}: slot ${slot} says ${subscription.slot}`,
      );
      const isHeld = node.connections.some(
        ({ subscriptions, isOpen }) => isOpen && subscriptions.includes(subscription),
      );
      promise(isHeld, 'no stale subscription', () => `${topic.name} delivers to a connection that does not listen`);
    }
  }
  for (const connection of node.connections) {
    for (const subscription of connection.subscriptions) {
      promise(
        subscription.topic.subscriptions.includes(subscription),
        'no stale subscription',
        () => `${connection.id} listens to ${subscription.topic.name}, which does not deliver to it`,
      );
    }
  }
}

function checkSupervision({ failures, conditions, node }: World): void {
  for (const [actor, count] of failures) {
    promise(count <= conditions.maxFailures + 1, 'restart budget', () => `${actor} failed ${count} times`);
    const isServed = node.connections.some(({ id, isOpen }) => id === actor && isOpen);
    promise(
      count <= conditions.maxFailures || !isServed,
      'restart budget',
      () => `${actor} failed ${count} times and goes on`,
    );
  }
}

/** The newest messages of a topic as an external store: reads while somebody looks. */
import type { SubscriptionState } from '../feed.ts';
import type { Item, Message } from '../items.ts';
import type { Topic } from '../topic.ts';

export interface Latest<P> {
  readonly messages: readonly Message<P>[];
  readonly state: SubscriptionState;
  /** Messages before the first one are missing for good. */
  readonly hasGap: boolean;
}

export interface LatestStore<P> {
  readonly subscribe: (changed: () => void) => () => void;
  readonly getSnapshot: () => Latest<P>;
}

export function latestMessages<P>(topic: Topic<P>, limit: number): LatestStore<P> {
  const listeners = new Set<() => void>();
  let snapshot: Latest<P> = { messages: [], state: 'stopped', hasGap: false };
  let stop: (() => void) | null = null;
  const become = (change: Partial<Latest<P>>): void => {
    snapshot = { ...snapshot, ...change };
    for (const listener of listeners) listener();
  };
  const take = (item: Item<P>): void => {
    if (item.kind === 'message') become({ messages: [...snapshot.messages, item].slice(-limit) });
    else if (item.kind === 'gap') become({ messages: [], hasGap: true });
  };
  const begin = (): (() => void) => {
    const unwatch = topic.onState(() => {
      if (topic.state !== snapshot.state) become({ state: topic.state });
    });
    // Where it was, if it has been looked at before; a component that is mounted twice begins in the same place.
    const last = snapshot.messages.at(-1);
    const since =
      last === undefined || last.epoch === '' ? { last: limit } : { epoch: last.epoch, sequence: last.sequence };
    const end = topic.on({ message: take, gap: take, error: () => {} }, { since });
    return () => {
      end();
      unwatch();
    };
  };
  return {
    getSnapshot: () => snapshot,
    subscribe: (changed) => {
      listeners.add(changed);
      stop ??= begin();
      return () => {
        listeners.delete(changed);
        // A component that is mounted twice is back in the same breath: the page that it has asked for is still to come.
        void Promise.resolve().then(() => {
          if (listeners.size > 0) return;
          stop?.();
          stop = null;
        });
      };
    },
  };
}

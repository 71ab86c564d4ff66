/** What a backend wants of a client's subscriptions: done as if the client had sent the frame, and told to it in the same way. */
import type { Connection } from './connection.ts';

export interface SubscriptionOrder {
  readonly topics: readonly string[];
  /** Whether they are subscribed to from now on, or no longer. */
  readonly subscribed: boolean;
}

/** After the frames that the client has sent before; a full inbox is no way around it. */
export function orderSubscriptions(connection: Connection, { topics, subscribed }: SubscriptionOrder): void {
  const envelope = { id: undefined, trace: undefined, ordered: 'granted' } as const;
  connection.cell.order(
    subscribed
      ? { ...envelope, type: 'Subscribe', topics: topics.map((topic) => ({ topic })) }
      : { ...envelope, type: 'Unsubscribe', topics },
  );
}

/** What the router needs of a broker: to be told of a topic. The rest of the broker is none of its business. */
import type { Refusal } from '../protocol/errors.ts';
import type { Position } from '../protocol/position.ts';
import type { Topic } from '../protocol/topic.ts';

export interface Interest {
  /** From the answer on (at the latest) every publication of the topic or pattern is handed to the router. */
  retain(
    filter: Topic,
    reply: (
      answer:
        | {
            readonly position: Position | null;
            readonly matched: ReadonlyMap<Topic, Position>;
            readonly isPartial?: boolean;
            readonly looked?: number;
          }
        | Refusal,
    ) => void,
    by?: string,
  ): void;
  /** As often as `retain` was granted, and not before its answer: interest is counted, and a refused one does not count. */
  release(filter: Topic): void;
}

/** The part that carries out what the router counts. */
export interface FlushRequests {
  /** Something was published: route it and flush at the end of the turn. */
  atEndOfTurn(): void;
  /** So much waits to be routed that it must be flushed now, or the tail would lose it before anybody could read it. */
  atOnce(): void;
}

/**
 * The news of connections for those that want to know. All but `connecting` is after the fact: nothing waits for it,
 * and of one connection everything is told in order. A node has none of these (`null`) when nobody listens.
 */
import type { Principal } from '../auth/principal.ts';
import type { Draft, Published } from '../broker/broker.ts';
import type { Format } from '../protocol/codec.ts';
import type { Refusal } from '../protocol/errors.ts';

/** What is known of a client before it is admitted. */
export interface ConnectingFacts {
  readonly principal: Principal;
  /** The client's address, as far as proxies are trusted. */
  readonly address: string;
  readonly origin: string;
}

export interface ConnectionFacts {
  readonly id: string;
  readonly principal: Principal;
  readonly address: string;
  readonly format: Format;
}

/** What an admitted client is subscribed to beside its own wishes, by the names that it would use. */
export interface Welcome {
  readonly subscribe: readonly string[];
}

export interface ConnectionEvents {
  /** Asked before a client is admitted; no answer in time refuses it. `null`: nobody is asked. */
  readonly connecting: ((facts: ConnectingFacts, reply: (answer: Refusal | Welcome) => void) => void) | null;
  connected(facts: ConnectionFacts): void;
  /** @param topic the topic or pattern, as the client names it */
  subscribed(facts: ConnectionFacts, topic: string): void;
  unsubscribed(facts: ConnectionFacts, topic: string): void;
  /** @param code of the close frame, as clients see it */
  disconnected(facts: ConnectionFacts, code: number): void;
  /** @param draft as it was stored */
  published(principal: Principal, topic: string, published: Published, draft: Draft): void;
}

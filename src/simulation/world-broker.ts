/** A broker of a world: a broker whose work, answers and notices the schedule sets off one by one. */
import type { Broker } from '../broker/broker.ts';
import type { Topic } from '../protocol/topic.ts';
import type { Remainder } from '../telemetry/round.ts';

export interface WorldBroker extends Broker {
  /** No faults any more. */
  isHealed: boolean;
  /** Calls, answers and notices that are under way. */
  readonly pending: number;
  /** Timers that it keeps running. */
  readonly timers: number;
  /** The oldest call of one of its links reaches the log. */
  work(choice: number): void;
  /** One of the answers that are under way arrives. */
  deliverAnswer(choice: number): void;
  /** The next notice of one of the topics, or of a link, arrives. */
  deliverNotice(choice: number): void;
  /** A topic's log is lost. */
  forget(topic: Topic): void;
  /** Something of its own goes wrong. @param payload for a message that somebody else publishes */
  disturb(choice: number, detail: number, payload: () => string): void;
  /** @param most topics of one turn */
  sweep(most: number): Remainder;
}

/** A queue of one test, and what its consumers are given. */
import { within } from '../../test/harness/deadline.ts';
import { silentLog } from '../telemetry/log.ts';
import {
  systemClock as clock,
  systemRandom as random,
  systemScheduler as scheduler,
} from '../telemetry/system-clock.ts';
import type { JsonValue } from '../protocol/frames.ts';
import type { Consumer, ConsumeOptions, Outcome, Queue, QueueMessage } from './queue.ts';
import type { QueueStore } from './queue-store.ts';
import { Queues } from './queues.ts';

export const MAX_MESSAGE_BYTES = 4_096;

export function queuesOf(store: QueueStore): Queues {
  return new Queues(store, { clock, scheduler, random, log: silentLog, maxMessageBytes: MAX_MESSAGE_BYTES });
}

export async function putAll(queue: Queue, keys: readonly string[], first = 1): Promise<void> {
  for (const [at, key] of keys.entries()) await queue.put({ id: `${first + at}`, key, tenant: 't', body: first + at });
}

/** The outcome of a handler that a test decides when it likes. */
export interface Held {
  readonly message: QueueMessage;
  readonly signal: AbortSignal;
  end(outcome?: Outcome): void;
  fail(error: Error): void;
}

/** A consumer whose messages wait for the test. */
export class HeldWork {
  readonly consumer: Consumer;
  /** All that came, ended or not. */
  readonly held: Held[] = [];
  private taken = 0;
  private wake: (() => void) | null = null;

  constructor(queue: Queue, options: ConsumeOptions = {}) {
    this.consumer = queue.consume({ retryMs: 20, ...options }, (message, signal) => {
      const { promise, resolve, reject } = Promise.withResolvers<Outcome>();
      this.held.push({ message, signal, end: resolve, fail: reject });
      this.wake?.();
      return promise;
    });
  }

  get bodies(): readonly JsonValue[] {
    return this.held.map(({ message }) => message.body);
  }

  /** The next that comes. */
  async next(): Promise<Held> {
    while (this.held.length === this.taken)
      await within(new Promise<void>((resolve) => (this.wake = resolve)), `message ${this.taken + 1} of a consumer`);
    this.taken += 1;
    return this.held[this.taken - 1] as Held;
  }
}

/** A consumer that answers at once. */
export function consumeAll(
  queue: Queue,
  options: ConsumeOptions,
  answer: (message: QueueMessage) => Outcome | Promise<Outcome> = () => undefined,
): { readonly seen: QueueMessage[]; readonly consumer: Consumer } {
  const seen: QueueMessage[] = [];
  const consumer = queue.consume({ retryMs: 20, ...options }, async (message) => {
    seen.push(message);
    return answer(message);
  });
  return { seen, consumer };
}

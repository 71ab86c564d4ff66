/** Hands messages to a handler, and tells the store what has become of each: done, once more, or never again. */
import type { Clock, Random, Scheduler, Timer } from '../telemetry/clock.ts';
import type { Log } from '../telemetry/log.ts';
import { readMessage } from './message-text.ts';
import type { Consumer, ConsumeOptions, Handle, Outcome, QueueMessage } from './queue.ts';
import type { Delivery, QueueStore, Subscription } from './queue-store.ts';

export interface ConsumerPorts {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly log: Log;
}

/** What a queue counts of its consumers on this node. */
export interface ConsumerCounts {
  /** Before its first attempt. */
  waited(seconds: number): void;
  handled(outcome: 'done' | 'retried' | 'dead' | 'lost', seconds: number): void;
}

interface InWork {
  readonly abort: AbortController;
  deadline: Timer;
}

const DEFAULTS: Required<ConsumeOptions> = {
  prefetch: 32,
  attempts: 5,
  retryMs: 1_000,
  maxRetryMs: 60_000,
  deadlineMs: 60_000,
};
const GRACE_MS = 5_000;
const MAX_REASON = 500;
/** What a timer can wait. */
const MAX_MS = 2_147_483_647;

export class StoreConsumer implements Consumer {
  private readonly queue: string;
  private readonly ports: ConsumerPorts;
  private readonly options: Required<ConsumeOptions>;
  private readonly handle: Handle;
  private readonly counts: ConsumerCounts;
  private readonly work = new Map<Delivery, InWork>();
  private readonly subscription: Subscription;
  private idle: (() => void) | null = null;
  private ending: Promise<void> | null = null;

  /** @throws RangeError when an option cannot be */
  constructor(
    queue: string,
    store: QueueStore,
    ports: ConsumerPorts,
    options: ConsumeOptions,
    handle: Handle,
    counts: ConsumerCounts,
  ) {
    this.queue = queue;
    this.ports = ports;
    this.options = checked({ ...DEFAULTS, ...options });
    this.handle = handle;
    this.counts = counts;
    this.subscription = store.subscribe(queue, this.options.prefetch, {
      deliver: (delivery) => void this.run(delivery),
      lost: (delivery) => this.lose(delivery),
    });
  }

  get inWork(): number {
    return this.work.size;
  }

  stop(graceMs = GRACE_MS): Promise<void> {
    this.ending ??= this.end(graceMs);
    return this.ending;
  }

  private async end(graceMs: number): Promise<void> {
    this.subscription.pause();
    if (this.work.size > 0) {
      await new Promise<void>((resolve) => {
        this.idle = resolve;
        this.ports.scheduler.after(graceMs, resolve);
      });
      for (const delivery of this.work.keys()) this.lose(delivery);
    }
    await this.subscription.end();
  }

  private async run(delivery: Delivery): Promise<void> {
    const { clock, scheduler } = this.ports;
    const message = this.read(delivery);
    if (message === null) return;
    // A message that ends its process every time is none that another try would help.
    if (delivery.attempt > this.options.attempts)
      return this.bury(delivery, message, 'no consumer has come to an end with it', 0);
    if (delivery.attempt === 1) this.counts.waited((clock.now() - message.queuedAt) / 1_000);
    const abort = new AbortController();
    const began = clock.elapsed();
    const spent = (): number => (clock.elapsed() - began) / 1_000;
    const { deadlineMs } = this.options;
    const deadline = scheduler.after(deadlineMs, () => {
      if (this.forget(delivery))
        this.failed(delivery, message, `expected an outcome within ${deadlineMs} ms, got none`, spent());
      abort.abort(new Error(`the handler took longer than ${deadlineMs} ms`));
    });
    this.work.set(delivery, { abort, deadline });
    try {
      const outcome = await this.handle(message, abort.signal);
      if (this.forget(delivery)) this.over(delivery, message, outcome, spent());
    } catch (error) {
      if (this.forget(delivery)) this.failed(delivery, message, reasonOf(error), spent());
    }
  }

  private read(delivery: Delivery): QueueMessage | null {
    try {
      return readMessage(delivery.text, delivery.attempt);
    } catch (error) {
      this.ports.log.warn('A message cannot be read and is given up', { queue: this.queue, error: String(error) });
      delivery.bury(`it cannot be read: ${reasonOf(error)}`);
      return null;
    }
  }

  private over(delivery: Delivery, message: QueueMessage, outcome: Outcome, seconds: number): void {
    if (outcome === undefined) {
      delivery.settle();
      this.counts.handled('done', seconds);
    } else if ('dead' in outcome) {
      this.bury(delivery, message, outcome.dead, seconds);
    } else if (outcome.isCounted === false) {
      delivery.later(pause(outcome.retryAfterMs), false);
      this.counts.handled('retried', seconds);
    } else {
      this.again(delivery, message, 'the handler asked for another attempt', outcome.retryAfterMs, seconds);
    }
  }

  private failed(delivery: Delivery, message: QueueMessage, reason: string, seconds: number): void {
    const { retryMs, maxRetryMs } = this.options;
    const full = Math.min(maxRetryMs, retryMs * 2 ** (delivery.attempt - 1));
    // Apart, so that those that failed together do not come again together.
    this.again(delivery, message, reason, full * (1 - this.ports.random.fraction() / 2), seconds);
  }

  private again(delivery: Delivery, message: QueueMessage, reason: string, ms: number, seconds: number): void {
    const { attempt } = delivery;
    if (attempt >= this.options.attempts) return this.bury(delivery, message, reason, seconds);
    this.ports.log.debug('A message is tried again', { ...this.fields(message), wait_ms: Math.round(ms) });
    delivery.later(pause(ms), true);
    this.counts.handled('retried', seconds);
  }

  private bury(delivery: Delivery, message: QueueMessage, reason: string, seconds: number): void {
    // The reason is in the list of dead letters: it may quote the message, and the log may not.
    this.ports.log.warn('A message is given up', this.fields(message));
    delivery.bury(reason.slice(0, MAX_REASON));
    this.counts.handled('dead', seconds);
  }

  private lose(delivery: Delivery): void {
    const it = this.work.get(delivery);
    if (it === undefined || !this.forget(delivery)) return;
    this.counts.handled('lost', 0);
    it.abort.abort(new Error('the message is not in the hands of this consumer any more'));
  }

  private forget(delivery: Delivery): boolean {
    this.work.get(delivery)?.deadline.cancel();
    const isMine = this.work.delete(delivery);
    if (this.work.size === 0) this.idle?.();
    return isMine;
  }

  private fields({ id, tenant, attempt }: QueueMessage): Readonly<Record<string, unknown>> {
    return { queue: this.queue, message_id: id, tenant, attempt, attempts: this.options.attempts };
  }
}

function checked(options: Required<ConsumeOptions>): Required<ConsumeOptions> {
  for (const [name, value] of Object.entries(options)) {
    const isWhole = Number.isSafeInteger(value) && value >= 1 && value <= MAX_MS;
    if (!isWhole) throw new RangeError(`expected a whole number of 1 to ${MAX_MS} as ${name}, got ${String(value)}`);
  }
  return options;
}

function pause(ms: number): number {
  return Math.min(MAX_MS, Math.max(0, Math.round(Number.isFinite(ms) ? ms : 0)));
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

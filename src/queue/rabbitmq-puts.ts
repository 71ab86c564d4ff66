/** Messages on their way to RabbitMQ: each resolves when the broker has confirmed it. */
import type { ConfirmChannel, Message, Options } from 'amqplib';
import type { Clock, Scheduler, Timer } from '../telemetry/clock.ts';
import { QueueError } from './queue-error.ts';

interface Putting {
  readonly queue: string;
  readonly since: number;
  readonly resolve: () => void;
  readonly reject: (error: QueueError) => void;
}

/** Messages without a confirm; more are refused. */
const MAX_UNDER_WAY = 10_000;
const PATIENCE_MS = 5_000;
const LOOK_MS = 1_000;

export class RabbitPuts {
  /** Set while the broker takes nothing, as when its memory or its disk is full. */
  blocked: string | null = null;
  private readonly clock: Clock;
  private readonly missing: (queue: string) => void;
  private readonly looking: Timer;
  private readonly underWay = new Map<string, Putting>();
  private channel: ConfirmChannel | null = null;
  private last = 0;

  /** @param missing told of a queue that is not at the broker any more */
  constructor(clock: Clock, scheduler: Scheduler, missing: (queue: string) => void) {
    this.clock = clock;
    this.missing = missing;
    this.looking = scheduler.every(LOOK_MS, () => this.look());
  }

  attach(channel: ConfirmChannel): void {
    this.channel = channel;
    // The queue is gone: the confirm that follows would say that nothing is wrong.
    channel.on('return', ({ properties }: Message) => {
      const id = String(properties.correlationId);
      const { queue = '' } = this.underWay.get(id) ?? {};
      this.missing(queue);
      this.settle(id, new QueueError('unavailable', `expected a queue ${queue} at RabbitMQ, there is none`));
    });
    channel.on('close', () => {
      if (this.channel === channel) this.detach();
    });
  }

  detach(): void {
    this.channel = null;
    for (const id of this.underWay.keys())
      this.settle(id, new QueueError('unavailable', 'the connection to RabbitMQ ended before it confirmed'));
  }

  stop(): void {
    this.looking.cancel();
    this.detach();
  }

  /** @throws QueueError */
  put(queue: string, text: string, options: Options.Publish): Promise<void> {
    const { channel, blocked } = this;
    if (channel === null) return Promise.reject(new QueueError('unavailable', 'RabbitMQ does not answer'));
    if (blocked !== null) return Promise.reject(new QueueError('full', `RabbitMQ takes no messages: ${blocked}`));
    if (this.underWay.size >= MAX_UNDER_WAY)
      return Promise.reject(
        new QueueError('unavailable', `${MAX_UNDER_WAY} messages wait for RabbitMQ to confirm them`),
      );
    this.last += 1;
    const id = String(this.last);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.underWay.set(id, { queue, since: this.clock.elapsed(), resolve, reject });
    try {
      channel.publish(
        '',
        queue,
        Buffer.from(text),
        { ...options, persistent: true, mandatory: true, correlationId: id },
        (refused: unknown) => {
          const isTaken = refused === null || refused === undefined;
          this.settle(
            id,
            isTaken ? null : new QueueError('full', `RabbitMQ did not take it into the queue ${queue}: it is full`),
          );
        },
      );
    } catch (error) {
      this.settle(id, new QueueError('unavailable', 'the connection to RabbitMQ is closed', error));
    }
    return promise;
  }

  private settle(id: string, error: QueueError | null): void {
    const putting = this.underWay.get(id);
    if (!this.underWay.delete(id) || putting === undefined) return;
    if (error === null) putting.resolve();
    else putting.reject(error);
  }

  /** In the order in which they came: the first that is young enough ends the round. */
  private look(): void {
    for (const [id, { since }] of this.underWay) {
      if (this.clock.elapsed() - since < PATIENCE_MS) return;
      this.settle(id, new QueueError('unavailable', `RabbitMQ did not confirm within ${PATIENCE_MS} ms`));
    }
  }
}

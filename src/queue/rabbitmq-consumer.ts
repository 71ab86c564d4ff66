/**
 * One consumer of a queue at RabbitMQ. Messages of a key that wait, for one before them or for their next attempt, stay with
 * it and are not acknowledged, so that the order of the key holds and a crash gives all of them back.
 */
import type { Channel, ConsumeMessage } from 'amqplib';
import type { Log } from '../telemetry/log.ts';
import type { Scheduler, Timer } from '../telemetry/clock.ts';
import { KeyLanes } from './key-lanes.ts';
import type { Delivery, Receiver, Subscription } from './queue-store.ts';
import { HEADERS, headerOf } from './rabbitmq-names.ts';

export interface RabbitConsumerPorts {
  readonly queue: string;
  readonly prefetch: number;
  readonly scheduler: Scheduler;
  readonly log: Log;
  /** Resolves when the dead letter is confirmed. */
  readonly bury: (text: string, message: ConsumeMessage, reason: string, attempts: number) => Promise<void>;
  /** The channel is of no use any more: a new one is wanted. */
  readonly reopen: () => void;
  readonly ended: () => void;
}

interface Item {
  readonly message: ConsumeMessage;
  readonly text: string;
  readonly key: string;
  attempts: number;
  state: 'waiting' | 'out' | 'later';
  timer: Timer | null;
  delivery: Delivery | null;
}

/** Messages that one consumer keeps because they wait; beyond, other keys wait too. */
const MAX_CREDIT = 10_000;
const BURY_AGAIN_MS = 1_000;
const CLOSE_MS = 1_000;
/** The broker closes the channel of a consumer that acknowledges nothing for half an hour. */
const MAX_HOLD_MS = 10 * 60_000;

export class RabbitConsumer implements Subscription {
  private readonly ports: RabbitConsumerPorts;
  private readonly receiver: Receiver;
  private channel: Channel | null = null;
  private lanes = new KeyLanes<Item>();
  private items = new Set<Item>();
  private tags: string[] = [];
  private credit = 0;
  private isWidening = false;
  private isPaused = false;
  private inWork = 0;
  private waitingLater = 0;

  constructor(ports: RabbitConsumerPorts, receiver: Receiver) {
    this.ports = ports;
    this.receiver = receiver;
  }

  /** Of this consumer alone. */
  get counts(): { readonly waiting: number; readonly out: number; readonly later: number } {
    const { inWork: out, waitingLater: later } = this;
    return { waiting: this.items.size - out - later, out, later };
  }

  /** @throws Error when the broker does not let it consume */
  async attach(channel: Channel): Promise<void> {
    // An attempt before may have come to nothing halfway.
    this.drop();
    this.channel = channel;
    channel.on('close', () => this.lose(channel));
    await this.widen(channel);
    // Messages came before the broker had said that they would.
    this.balance();
  }

  pause(): void {
    if (this.isPaused) return;
    this.isPaused = true;
    for (const tag of this.tags) if (this.channel !== null) cancelled(this.channel, tag).catch(() => {});
    this.tags = [];
  }

  async end(): Promise<void> {
    this.pause();
    const { channel } = this;
    this.channel = null;
    this.ports.ended();
    this.drop();
    if (channel === null) return;
    // Messages that were not acknowledged go back. A broker that is gone knows that by itself.
    await new Promise<void>((resolve) => {
      this.ports.scheduler.after(CLOSE_MS, resolve);
      closed(channel).then(resolve, resolve);
    });
  }

  /** Drops what waits. @returns how many */
  purge(): number {
    const dropped = this.lanes.clear(({ state }) => state !== 'out');
    for (const item of dropped) {
      item.timer?.cancel();
      if (item.state === 'later') this.waitingLater -= 1;
      this.items.delete(item);
      this.acknowledge(item);
    }
    return dropped.length;
  }

  /** More credit: of what the broker has sent too much waits. */
  private async widen(channel: Channel): Promise<void> {
    const { queue, prefetch } = this.ports;
    this.isWidening = true;
    this.credit += prefetch;
    try {
      await channel.prefetch(prefetch);
      const { consumerTag } = await channel.consume(queue, (message) => this.came(channel, message));
      if (this.channel === channel && !this.isPaused) this.tags.push(consumerTag);
      else await channel.cancel(consumerTag);
    } finally {
      this.isWidening = false;
    }
  }

  private came(channel: Channel, message: ConsumeMessage | null): void {
    if (channel !== this.channel) return;
    // Somebody has deleted the queue.
    if (message === null) return this.ports.reopen();
    const text = message.content.toString();
    const { headers, messageId } = message.properties;
    const key = String(headerOf(headers, HEADERS.key) ?? messageId);
    const attempts = Number(headerOf(headers, 'x-delivery-count') ?? 0);
    const item: Item = { message, text, key, attempts, state: 'waiting', timer: null, delivery: null };
    this.items.add(item);
    this.lanes.add(key, item);
    this.pump();
  }

  private pump(): void {
    const { prefetch } = this.ports;
    while (this.inWork < prefetch && !this.isPaused) {
      const item = this.lanes.take();
      if (item === undefined) break;
      this.handOut(item);
    }
    this.balance();
  }

  /** Messages that wait here do not keep the others waiting at the broker. */
  private balance(): void {
    const { channel, isPaused, isWidening } = this;
    const { prefetch, log, queue } = this.ports;
    if (channel === null || isPaused || isWidening) return;
    const isStarved = this.inWork < prefetch && !this.lanes.hasReady && this.items.size >= this.credit;
    if (isStarved && this.credit < MAX_CREDIT) {
      this.widen(channel).then(
        () => this.balance(),
        (error: unknown) => log.debug('RabbitMQ did not give more messages', { queue, error: String(error) }),
      );
    } else if (this.tags.length > 1 && this.items.size <= prefetch) {
      for (const tag of this.tags.splice(1)) cancelled(channel, tag).catch(() => {});
      this.credit = prefetch;
    }
  }

  private handOut(item: Item): void {
    const { channel } = this;
    item.state = 'out';
    item.attempts += 1;
    this.inWork += 1;
    const over = (): boolean => {
      if (item.delivery !== delivery || channel !== this.channel) return false;
      item.delivery = null;
      return true;
    };
    const delivery: Delivery = {
      text: item.text,
      attempt: item.attempts,
      settle: () => {
        if (over()) this.done(item);
      },
      later: (ms, isCounted) => {
        if (over()) this.postpone(item, ms, isCounted);
      },
      bury: (reason) => {
        if (over()) this.bury(item, reason);
      },
    };
    item.delivery = delivery;
    this.receiver.deliver(delivery);
  }

  private done(item: Item): void {
    this.inWork -= 1;
    this.items.delete(item);
    this.acknowledge(item);
    this.lanes.done(item.key);
    this.pump();
  }

  private postpone(item: Item, ms: number, isCounted: boolean): void {
    this.inWork -= 1;
    this.waitingLater += 1;
    item.state = 'later';
    if (!isCounted) item.attempts -= 1;
    item.timer = this.ports.scheduler.after(Math.min(ms, MAX_HOLD_MS), () => {
      this.waitingLater -= 1;
      item.timer = null;
      item.state = 'waiting';
      this.lanes.again(item.key);
      this.pump();
    });
    this.pump();
  }

  /** It stays in work until the dead letter is confirmed: else it would be nowhere for a while. */
  private bury(item: Item, reason: string): void {
    const { channel } = this;
    this.ports.bury(item.text, item.message, reason, item.attempts).then(
      () => {
        if (channel === this.channel) this.done(item);
      },
      () => {
        this.ports.scheduler.after(BURY_AGAIN_MS, () => {
          if (channel !== null && channel === this.channel) this.bury(item, reason);
        });
      },
    );
  }

  private acknowledge({ message }: Item): void {
    try {
      this.channel?.ack(message);
    } catch {
      // The channel is closed: the broker gives it to somebody once more.
    }
  }

  private lose(channel: Channel): void {
    if (channel !== this.channel) return;
    this.channel = null;
    this.drop();
    this.ports.reopen();
  }

  /** The broker has all of it, and gives it to somebody else. */
  private drop(): void {
    const { items } = this;
    this.items = new Set();
    this.lanes = new KeyLanes();
    this.tags = [];
    [this.credit, this.inWork, this.waitingLater] = [0, 0, 0];
    for (const item of items) {
      item.timer?.cancel();
      if (item.delivery !== null) this.receiver.lost(item.delivery);
      item.delivery = null;
    }
  }
}

/** The library throws at once, and does not reject, when the channel is closed. */
async function closed(channel: Channel): Promise<void> {
  await channel.close();
}

async function cancelled(channel: Channel, tag: string): Promise<void> {
  await channel.cancel(tag);
}

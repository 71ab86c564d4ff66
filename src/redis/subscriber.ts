/** The connection that messages come by. It makes nothing anew by itself: who subscribes is told when it has to. */
import type { Redis } from 'ioredis';
import type { Scheduler } from '../telemetry/clock.ts';
import { connectSubscriber, type ConnectionOptions } from './connection.ts';
import { failureOf, NOT_CONNECTED, type RedisFailure } from './failure.ts';
import { MessageReader } from './message-reader.ts';
import { takeOver } from './take-over.ts';

export interface SubscriberEvents {
  ready(): void;
  lost(): void;
  message(channel: string, bytes: Buffer): void;
}

type Done = (failure: RedisFailure | null) => void;

const NEXT_NODE_MS = 50;

export class Subscriber {
  isReady = false;
  private client: Redis | null = null;
  private isClosed = false;
  /** Told when the connection is up. */
  private readonly waiting = new Set<() => void>();
  private readonly options: ConnectionOptions;
  private readonly choose: () => readonly { readonly host: string; readonly port: number }[];
  private readonly events: SubscriberEvents;
  private readonly scheduler: Scheduler;

  /** @param choose the nodes of a cluster; nothing otherwise */
  constructor(
    options: ConnectionOptions,
    choose: () => readonly { readonly host: string; readonly port: number }[],
    events: SubscriberEvents,
    scheduler: Scheduler,
  ) {
    this.options = options;
    this.choose = choose;
    this.events = events;
    this.scheduler = scheduler;
  }

  connect(): void {
    if (this.options.address.kind !== 'cluster') return this.open(null);
    const nodes = this.choose();
    const chosen = nodes[Math.floor(this.options.random() * nodes.length)];
    if (chosen === undefined) this.tryAgain();
    else this.open(chosen);
  }

  close(): void {
    this.isClosed = true;
    this.client?.disconnect();
  }

  reconnect(): void {
    this.client?.disconnect(true);
  }

  /** @param patterns glob patterns of channels */
  subscribe(channels: readonly string[], patterns: readonly string[], answered: Done): void {
    const { client } = this;
    if (client === null || !this.isReady) return answered(NOT_CONNECTED);
    const calls: Promise<unknown>[] = [];
    if (channels.length > 0) calls.push(client.subscribe(...channels));
    if (patterns.length > 0) calls.push(client.psubscribe(...patterns));
    Promise.all(calls).then(
      () => answered(null),
      (error: unknown) => answered(failureOf(error)),
    );
  }

  unsubscribe(channels: readonly string[], patterns: readonly string[]): void {
    const { client } = this;
    if (client === null || !this.isReady) return;
    // A failure breaks the connection, and then nothing is subscribed any more.
    if (channels.length > 0) client.unsubscribe(...channels).catch(() => {});
    if (patterns.length > 0) client.punsubscribe(...patterns).catch(() => {});
  }

  /** Resolves with whether the connection is up, at the latest after so long. */
  whenReady(withinMs: number): Promise<boolean> {
    if (this.isReady) return Promise.resolve(true);
    return new Promise((resolve) => {
      const settle = (): void => {
        timer.cancel();
        this.waiting.delete(settle);
        resolve(this.isReady);
      };
      const timer = this.scheduler.after(withinMs, settle);
      this.waiting.add(settle);
    });
  }

  /** Whether the connection still answers. */
  ping(answered: (isAlive: boolean) => void): void {
    const { client } = this;
    if (client === null || !this.isReady) return answered(true);
    client.ping().then(
      () => answered(true),
      () => answered(false),
    );
  }

  private open(chosen: { readonly host: string; readonly port: number } | null): void {
    const client = connectSubscriber(this.options, chosen);
    this.client = client;
    client.on('ready', () => {
      this.isReady = true;
      this.readMessages(client);
      this.events.ready();
      for (const settle of this.waiting) settle();
    });
    client.on('close', () => {
      this.isReady = false;
      this.events.lost();
    });
    // Another node of a cluster may do; and the library gives up when a Sentinel tells of a failover while it connects.
    client.on('end', () => this.tryAgain());
    client.on('error', () => {});
    // Only where the library reads messages itself.
    client.on('messageBuffer', (channel: Buffer, bytes: Buffer) =>
      this.events.message(channel.toString('latin1'), bytes),
    );
    client.on('pmessageBuffer', (_: string, channel: Buffer, bytes: Buffer) =>
      this.events.message(channel.toString('latin1'), bytes),
    );
    client.connect().catch(() => {});
  }

  /** Messages past the library: it makes several objects of each part of one. */
  private readMessages({ stream }: Redis): void {
    const reader = new MessageReader({
      message: (channel, bytes) => this.events.message(channel, bytes),
      other: (bytes) => library?.(bytes),
    });
    const library = takeOver(stream, (bytes) => reader.received(bytes));
  }

  private tryAgain(): void {
    if (!this.isClosed) this.scheduler.after(NEXT_NODE_MS, () => this.connect());
  }
}

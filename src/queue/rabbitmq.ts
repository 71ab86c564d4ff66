/** Queues at RabbitMQ: their names are those of the applications, plain, so that other programs may put in and take out. */
import type { Channel, ChannelModel, ConsumeMessage, RecoveringChannelModel, RecoveryOptions } from 'amqplib';
import type { Clock, Scheduler } from '../telemetry/clock.ts';
import type { Log } from '../telemetry/log.ts';
import { redactUrls } from '../telemetry/redact.ts';
import { QueueError } from './queue-error.ts';
import type { QueueDepth } from './queue.ts';
import type { DeadText, Envelope, QueueStore, Receiver, StoreTrouble, Subscription } from './queue-store.ts';
import { RabbitConsumer } from './rabbitmq-consumer.ts';
import { deadTextOf, fetchDead } from './rabbitmq-dead.ts';
import { deadName, deadQueue, HEADERS, headerOf, mainQueue, type RabbitBounds } from './rabbitmq-names.ts';
import { RabbitPuts } from './rabbitmq-puts.ts';

/** `connect` of amqplib, as far as it is used here. */
type Connect = (
  url: string,
  options: {
    readonly recovery: RecoveryOptions;
    readonly timeout: number;
    readonly clientProperties: Record<string, unknown>;
  },
) => Promise<RecoveringChannelModel>;

export interface RabbitPorts {
  readonly connect: Connect;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly log: Log;
  /** Shown by the broker. */
  readonly name: string;
}

const [CONNECT_MS, HEARTBEAT_SECS] = [5_000, 5];
const RECOVERY = { initialDelay: 100, maxDelay: 2_000 };
const AGAIN_MS = 1_000;
const [SETUP_MS, CLOSE_MS] = [10_000, 1_000];
const PRECONDITION_FAILED = 406;

export class RabbitQueueStore implements QueueStore {
  readonly kind = 'rabbitmq';
  private readonly bounds: RabbitBounds;
  private readonly ports: RabbitPorts;
  private readonly names = new Set<string>();
  /** Queues that are there, or are being made, on this connection. */
  private declared = new Map<string, Promise<void>>();
  private readonly consumers = new Map<RabbitConsumer, string>();
  private readonly puts: RabbitPuts;
  private recovering: RecoveringChannelModel | null = null;
  private model: ChannelModel | null = null;
  private state: StoreTrouble = { state: 'starting', says: 'RabbitMQ has not answered yet' };
  private isStopped = false;

  constructor(bounds: RabbitBounds, ports: RabbitPorts) {
    this.bounds = bounds;
    this.ports = ports;
    this.puts = new RabbitPuts(ports.clock, ports.scheduler, (queue) => this.declared.delete(queue));
  }

  /** Goes on trying for ever: a broker that starts after this node is found. */
  async start(url: string): Promise<void> {
    const { connect, log, name } = this.ports;
    this.recovering = await connect(withHeartbeat(url), {
      recovery: {
        ...RECOVERY,
        waitForConnect: false,
        setup: (model: ChannelModel) => this.inTime(this.connected(model), SETUP_MS),
      },
      timeout: CONNECT_MS,
      clientProperties: { connection_name: name },
    });
    const away = (error: Error): void => {
      const says = redactUrls(error.message);
      if (this.state.says !== says) log.warn('RabbitMQ is not reached', { error: says });
      this.model = null;
      this.state = { state: this.state.state === 'starting' ? 'starting' : 'away', says };
      this.puts.detach();
    };
    this.recovering.on('disconnect', away);
    this.recovering.on('connect-failed', away);
    this.recovering.on('error', () => {});
    this.recovering.on('blocked', (reason: string) => (this.puts.blocked = reason));
    this.recovering.on('unblocked', () => (this.puts.blocked = null));
  }

  trouble(): StoreTrouble | null {
    if (this.model === null) return this.state;
    const { blocked } = this.puts;
    return blocked === null ? null : { state: 'full', says: `RabbitMQ takes no messages: ${blocked}` };
  }

  use(queue: string): void {
    this.names.add(queue);
    if (this.model !== null) this.there(this.model, queue).catch((error: unknown) => this.failed(queue, error));
  }

  async put(queue: string, { id, key, text }: Envelope): Promise<void> {
    const { model } = this;
    if (model === null) throw new QueueError('unavailable', 'RabbitMQ does not answer');
    await this.there(model, queue);
    await this.puts.put(queue, text, { messageId: id, headers: { [HEADERS.key]: key } });
  }

  subscribe(queue: string, prefetch: number, receiver: Receiver): Subscription {
    const { scheduler, log } = this.ports;
    const consumer: RabbitConsumer = new RabbitConsumer(
      {
        queue,
        prefetch,
        scheduler,
        log,
        bury: (...dead) => this.bury(queue, ...dead),
        reopen: () => {
          this.declared.delete(queue);
          scheduler.after(AGAIN_MS, () => void this.open(consumer, queue));
        },
        ended: () => this.consumers.delete(consumer),
      },
      receiver,
    );
    this.consumers.set(consumer, queue);
    void this.open(consumer, queue);
    return consumer;
  }

  async depth(queue: string): Promise<QueueDepth> {
    return this.onChannel(queue, async (channel) => {
      const { messageCount: ready } = await channel.checkQueue(queue);
      const { messageCount: dead } = await channel.checkQueue(deadName(queue));
      const own = this.of(queue).map(({ counts }) => counts);
      const sum = (pick: (counts: (typeof own)[number]) => number): number =>
        own.reduce((all, it) => all + pick(it), 0);
      return {
        ready: ready + sum(({ waiting }) => waiting),
        unacknowledged: sum(({ out }) => out),
        later: sum(({ later }) => later),
        dead,
      };
    });
  }

  async dead(queue: string, limit: number): Promise<readonly DeadText[]> {
    return this.onChannel(queue, async (channel) => {
      const all: DeadText[] = [];
      await fetchDead(channel, deadName(queue), (message) => {
        all.push(deadTextOf(message));
        if (all.length > limit) all.shift();
        return true;
      });
      return all.toReversed();
    });
  }

  async replay(queue: string, ids: readonly string[] | null, limit: number): Promise<number> {
    const wanted = ids === null ? null : new Set(ids);
    return this.onChannel(queue, async (channel) => {
      let count = 0;
      await fetchDead(channel, deadName(queue), async (message) => {
        if (count >= limit) return false;
        const { messageId, headers } = message.properties as { readonly messageId?: string; readonly headers?: object };
        if (wanted !== null && !wanted.has(String(messageId))) return true;
        const key = (headers as Readonly<Record<string, string>> | undefined)?.[HEADERS.key] ?? String(messageId);
        await this.put(queue, { id: String(messageId), key, text: message.content.toString() });
        channel.ack(message);
        count += 1;
        return count < limit;
      });
      return count;
    });
  }

  async purge(queue: string): Promise<number> {
    const { messageCount } = await this.onChannel(queue, (channel) => channel.purgeQueue(queue));
    return this.of(queue).reduce((all, consumer) => all + consumer.purge(), messageCount);
  }

  async purgeDead(queue: string): Promise<number> {
    const { messageCount } = await this.onChannel(queue, (channel) => channel.purgeQueue(deadName(queue)));
    return messageCount;
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    await Promise.all([...this.consumers.keys()].map((consumer) => consumer.end()));
    this.puts.stop();
    if (this.recovering !== null) await this.inTime(this.recovering.close(), CLOSE_MS).catch(() => {});
  }

  /** A broker that hangs answers nothing, and the library waits for ever. */
  private inTime(work: Promise<void>, ms: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = this.ports.scheduler.after(ms, () =>
        reject(new Error(`expected an answer of RabbitMQ within ${ms} ms`)),
      );
      work.then(resolve, reject).finally(() => timer.cancel());
    });
  }

  private of(queue: string): RabbitConsumer[] {
    return [...this.consumers].filter(([, name]) => name === queue).map(([consumer]) => consumer);
  }

  /** A throw here is a connection that failed: the library tries again. */
  private async connected(model: ChannelModel): Promise<void> {
    // The library listens when all of this is done.
    model.on('error', () => {});
    this.declared = new Map();
    for (const queue of this.names) await this.there(model, queue);
    const channel = await model.createConfirmChannel();
    channel.on('error', () => {});
    this.puts.blocked = null;
    this.puts.attach(channel);
    this.model = model;
    this.state = { state: 'away', says: 'the connection to RabbitMQ ended' };
    this.ports.log.info('RabbitMQ is there');
    for (const [consumer, queue] of this.consumers) void this.open(consumer, queue);
  }

  /** @throws QueueError when the broker does not make it */
  private there(model: ChannelModel, queue: string): Promise<void> {
    let making = this.declared.get(queue);
    if (making === undefined) {
      making = this.declare(model, queue).catch((error: unknown) => {
        this.declared.delete(queue);
        throw new QueueError('unavailable', `RabbitMQ did not make the queue ${queue}`, error);
      });
      this.declared.set(queue, making);
    }
    return making;
  }

  /** On a channel of its own: the broker closes it when it says no. */
  private async declare(model: ChannelModel, queue: string): Promise<void> {
    const all = [
      [deadName(queue), deadQueue(this.bounds)],
      [queue, mainQueue(queue, this.bounds)],
    ] as const;
    for (const [name, options] of all) {
      const channel = await model.createChannel();
      channel.on('error', () => {});
      try {
        await channel.assertQueue(name, options);
        await channel.close();
      } catch (error) {
        if ((error as { readonly code?: unknown }).code !== PRECONDITION_FAILED) throw error;
        this.ports.log.warn('A queue is there with other arguments than this configuration has: it is used as it is', {
          queue: name,
        });
      }
    }
  }

  private async open(consumer: RabbitConsumer, queue: string): Promise<void> {
    const { model } = this;
    if (model === null || this.isStopped || !this.consumers.has(consumer)) return;
    let channel: Channel | null = null;
    try {
      await this.there(model, queue);
      channel = await model.createChannel();
      channel.on('error', () => {});
      // A broker that has just come back may never answer for a queue whose leader was not there yet.
      await this.inTime(consumer.attach(channel), SETUP_MS);
    } catch (error) {
      this.failed(queue, error);
      // Messages that it may have been given go back.
      if (channel !== null) void channel.close().catch(() => {});
      this.ports.scheduler.after(AGAIN_MS, () => {
        // Else the next connection opens it.
        if (model === this.model) void this.open(consumer, queue);
      });
    }
  }

  private async bury(
    queue: string,
    text: string,
    { properties: { messageId, headers } }: ConsumeMessage,
    reason: string,
    attempts: number,
  ): Promise<void> {
    const key = headerOf(headers, HEADERS.key) ?? String(messageId);
    const said = { [HEADERS.key]: key, [HEADERS.reason]: reason, [HEADERS.attempts]: attempts };
    const more = { ...said, [HEADERS.at]: this.ports.clock.now() };
    await this.puts.put(deadName(queue), text, { messageId: String(messageId), headers: more });
  }

  /** A channel for one piece of work: what it has fetched and not acknowledged goes back at the end. */
  private async onChannel<T>(queue: string, work: (channel: Channel) => Promise<T>): Promise<T> {
    const { model } = this;
    if (model === null) throw new QueueError('unavailable', 'RabbitMQ does not answer');
    try {
      await this.there(model, queue);
      const channel = await model.createChannel();
      channel.on('error', () => {});
      const done = await work(channel);
      await channel.close();
      return done;
    } catch (error) {
      if (error instanceof QueueError) throw error;
      throw new QueueError('unavailable', 'RabbitMQ could not do it', error);
    }
  }

  private failed(queue: string, error: unknown): void {
    if (!this.isStopped)
      this.ports.log.debug('A queue at RabbitMQ is not there yet', { queue, error: redactUrls(String(error)) });
  }
}

/** A broker that hangs is noticed after two heartbeats. */
function withHeartbeat(url: string): string {
  if (/[?&]heartbeat=/.test(url)) return url;
  return `${url}${url.includes('?') ? '&' : '?'}heartbeat=${HEARTBEAT_SECS}`;
}

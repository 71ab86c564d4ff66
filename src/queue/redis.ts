/**
 * Queues in Redis, for all nodes together: a stream with a consumer group for each, and beside it which message of each key is
 * out, so that the order of a key holds over all consumers of all nodes.
 */
import type { Channels } from '../redis/channels.ts';
import { isFailure } from '../redis/command-client.ts';
import type { RedisLink } from '../redis/link.ts';
import type { Clock, Random, Scheduler } from '../telemetry/clock.ts';
import { QueueError } from './queue-error.ts';
import type { QueueDepth } from './queue.ts';
import type { DeadText, Envelope, QueueStore, Receiver, StoreTrouble, Subscription } from './queue-store.ts';
import { RedisConsumer } from './redis-consumer.ts';
import { queueError, RedisPuts } from './redis-puts.ts';
import { keysOf, queueScripts, type QueueScript, type QueueScripts } from './redis-queue-scripts.ts';

export interface RedisQueueOptions {
  /** Of a queue, dead letters apart. */
  readonly maxMessages: number;
  readonly maxDead: number;
  /** After so long without a word of its consumer a message is handed to another. */
  readonly leaseMs: number;
  /** Replicas that have to have a message before it counts as taken. */
  readonly wait: { readonly replicas: number; readonly timeoutMs: number } | null;
}

/** Messages that one call of a purge looks at. */
const PURGE_AT_ONCE = 1_000;

export class RedisQueueStore implements QueueStore {
  readonly kind = 'redis';
  private readonly options: RedisQueueOptions;
  private readonly link: RedisLink;
  private readonly clock: Clock;
  private readonly scheduler: Scheduler;
  private readonly random: Random;
  private readonly scripts: QueueScripts;
  private readonly channels: Channels;
  private readonly puts: RedisPuts;
  private readonly consumers = new Map<string, Set<RedisConsumer>>();

  /** Before the link starts. */
  constructor(options: RedisQueueOptions, link: RedisLink, clock: Clock, scheduler: Scheduler, random: Random) {
    this.options = options;
    this.link = link;
    this.clock = clock;
    this.scheduler = scheduler;
    this.random = random;
    this.scripts = queueScripts();
    link.useScripts(...Object.values(this.scripts));
    this.channels = link.channels('queue', {
      message: (name) => this.wake(name),
      reconnected: () => this.listen([...this.consumers.keys()]),
    });
    link.onAvailable(() => {
      for (const name of this.consumers.keys()) this.wake(name);
    });
    this.puts = new RedisPuts(options, link, scheduler, this.scripts.put);
  }

  trouble(): StoreTrouble | null {
    const { trouble, problem } = this.link;
    const { forbidden } = this.puts;
    if (trouble === null && forbidden !== null) return { state: 'unfit', says: forbidden };
    return trouble === null ? null : { state: trouble, says: problem?.says ?? 'Redis is in trouble' };
  }

  use(): void {
    // A stream is made by its first message, its group by its first consumer.
  }

  put(queue: string, envelope: Envelope): Promise<void> {
    return this.puts.put(queue, envelope);
  }

  subscribe(queue: string, prefetch: number, receiver: Receiver): Subscription {
    const { maxDead, leaseMs } = this.options;
    const consumer = new RedisConsumer({ queue, prefetch, maxDead, leaseMs }, receiver, {
      link: this.link,
      clock: this.clock,
      scheduler: this.scheduler,
      step: this.scripts.step,
      name: this.random.id(),
      ended: () => this.left(queue, consumer),
    });
    const others = this.consumers.get(queue);
    if (others === undefined) {
      this.consumers.set(queue, new Set([consumer]));
      this.listen([queue]);
    } else others.add(consumer);
    consumer.start();
    return consumer;
  }

  async depth(queue: string): Promise<QueueDepth> {
    const [messages = 0, out = 0, later = 0, dead = 0] = (await this.call(this.scripts.depth, queue)).map(Number);
    return { ready: messages - out - later, unacknowledged: out, later, dead };
  }

  async dead(queue: string, limit: number): Promise<readonly DeadText[]> {
    const command = ['XREVRANGE', keysOf(this.link, queue).dead, '+', '-', 'COUNT', limit] as const;
    const [entries] = await new Promise<readonly unknown[]>((resolve) => this.link.read([command], resolve));
    if (isFailure(entries)) throw queueError(queue, entries);
    return (entries as readonly (readonly [string, readonly string[]])[]).map(([, fields]) => deadText(fields));
  }

  async replay(queue: string, ids: readonly string[] | null, limit: number): Promise<number> {
    if (ids?.length === 0) return 0;
    const channel = this.link.keys.channel('queue', '', queue);
    const [count = 0, isFull = 0] = (
      await this.call(this.scripts.dead, queue, channel, this.options.maxMessages, limit, ...(ids ?? []))
    ).map(Number);
    if (isFull === 1 && count === 0)
      throw new QueueError('full', `expected room in the queue ${queue} of ${this.options.maxMessages} messages`);
    return count;
  }

  async purge(queue: string): Promise<number> {
    let [dropped, from, last] = [0, '', ''];
    do {
      const [more, next, end] = await this.call(this.scripts.purge, queue, from, last, PURGE_AT_ONCE);
      dropped += Number(more);
      [from, last] = [String(next), String(end)];
    } while (from !== '');
    return dropped;
  }

  async purgeDead(queue: string): Promise<number> {
    const { dead } = keysOf(this.link, queue);
    const commands = [
      ['XLEN', dead],
      ['DEL', dead],
    ] as const;
    const results = await new Promise<readonly unknown[]>((resolve) => this.link.write(commands, resolve));
    const failure = results.find((result) => isFailure(result));
    if (failure !== undefined) throw queueError(queue, failure);
    return Number(results[0]);
  }

  async stop(): Promise<void> {
    const all = [...this.consumers.values()].flatMap((consumers) => [...consumers]);
    await Promise.all(all.map((consumer) => consumer.end()));
  }

  private wake(queue: string): void {
    for (const consumer of this.consumers.get(queue) ?? []) consumer.look();
  }

  private left(queue: string, consumer: RedisConsumer): void {
    const others = this.consumers.get(queue);
    others?.delete(consumer);
    if (others?.size !== 0) return;
    this.consumers.delete(queue);
    this.channels.unsubscribe([queue], []);
  }

  /** A word that does not arrive costs a second: consumers look by themselves. */
  private listen(queues: readonly string[]): void {
    if (queues.length > 0) this.channels.subscribe(queues, [], () => {});
  }

  private async call(
    script: QueueScript,
    queue: string,
    ...args: readonly (string | number)[]
  ): Promise<readonly unknown[]> {
    const command = script.call(keysOf(this.link, queue), ...args);
    const [answer] = await new Promise<readonly unknown[]>((resolve) => this.link.write([command], resolve));
    if (isFailure(answer)) throw queueError(queue, answer);
    return answer as readonly unknown[];
  }
}

function deadText(list: readonly string[]): DeadText {
  const fields = new Map<string, string>();
  for (let at = 0; at < list.length; at += 2) fields.set(list[at] as string, list[at + 1] as string);
  const of = (name: string): string => fields.get(name) ?? '';
  return { text: of('m'), reason: of('r'), attempt: Number(of('n')), at: Number(of('a')) };
}

/**
 * A queue in Redis for all nodes together. One of them delivers, the one that was first to find something; the others take
 * over when it is gone. Events that Redis does not take wait in memory, as many as may be.
 */
import { isFailure, type Command, type Results } from '../../redis/command-client.ts';
import { readScript, type Script } from '../../redis/script.ts';
import type { Clock, Scheduler, Timer } from '../../telemetry/clock.ts';
import type { SharedStore } from '../host-api.ts';
import type { Batch, DeadLetter, EventQueue, QueueSize, QueueTold } from './event-queue.ts';
import { QUEUE_FULL, type QueueLimits } from './queue-limits.ts';

export interface SharedQueueOptions extends QueueLimits {
  /** This run of this node, among all. */
  readonly owner: string;
  /** For how long a node that delivers keeps the others away: longer than one delivery may take. */
  readonly leaseMs: number;
}

/** Events in one call. */
const CHUNK = 500;
/** Events that wait for Redis to come back. */
const UNWRITTEN_EVENTS = 10_000;
const WRITE_AGAIN_MS = 1_000;
/** How often a node looks for what another one has left that is gone. */
const LOOK_MS = 5_000;
const KINDS = ['webhookevents', 'webhookmeta', 'webhookdead', 'webhookdeliverer'];

const script = (name: string, isWrite = true): Script =>
  readScript(isWrite, ...['events', name].map((file) => new URL(`./lua/${file}.lua`, import.meta.url)));

export class SharedQueue implements EventQueue {
  private readonly options: SharedQueueOptions;
  private readonly redis: SharedStore;
  private readonly clock: Clock;
  private readonly scheduler: Scheduler;
  private readonly told: QueueTold;
  private readonly scripts = {
    put: script('put'),
    take: script('take'),
    done: script('done'),
    replay: script('replay'),
    release: script('release'),
  };
  private readonly keys: readonly string[];
  private unwritten: string[] = [];
  private beingWritten = 0;
  private isWriteDue = false;
  private again: Timer | null = null;
  private looking: Timer | null = null;
  private lastSize: QueueSize = { events: 0, bytes: 0, deadLetters: 0 };
  private last: Promise<void> = Promise.resolve();

  constructor(options: SharedQueueOptions, redis: SharedStore, clock: Clock, scheduler: Scheduler, told: QueueTold) {
    this.options = options;
    this.redis = redis;
    this.clock = clock;
    this.scheduler = scheduler;
    this.told = told;
    this.keys = KINDS.map((kind) => redis.keys.key(kind, '', 'all'));
  }

  open(): Promise<void> {
    this.looking = this.scheduler.every(LOOK_MS, () => this.told.filled());
    this.told.filled();
    return Promise.resolve();
  }

  put(event: string): void {
    this.unwritten.push(event);
    if (this.isWriteDue || this.again !== null) return;
    this.isWriteDue = true;
    // As soon as Redis has taken those before: events of one breath go together, and none waits for the end of the turn.
    void this.flush();
  }

  async peek(limit: number, maxBytes: number): Promise<Batch | null> {
    const { owner, leaseMs } = this.options;
    const answer = await this.call(this.scripts.take, owner, leaseMs, limit);
    if (answer === null || answer.length === 0) return null;
    const [left, events, bytes, deadLetters, ...texts] = answer;
    this.learn([events, bytes, deadLetters]);
    let size = 0;
    const fitting: string[] = [];
    for (const text of texts as readonly string[]) {
      size += text.length;
      if (fitting.length > 0 && size > maxBytes) break;
      fitting.push(text);
    }
    return { events: fitting, end: Number(left) + fitting.length };
  }

  async done(end: number): Promise<void> {
    const answer = await this.call(this.scripts.done, this.options.owner, end);
    if (answer !== null) this.learn(answer);
  }

  async bury(letters: readonly DeadLetter[]): Promise<void> {
    const [, , dead = ''] = this.keys;
    const texts = letters.map((letter) => JSON.stringify(letter));
    await this.send([
      ['LPUSH', dead, ...texts],
      ['LTRIM', dead, 0, this.options.deadLetters - 1],
    ]);
  }

  async deadLetters(limit: number): Promise<readonly DeadLetter[]> {
    const [, , dead = ''] = this.keys;
    const [texts] = (await this.send([['LRANGE', dead, 0, limit - 1]])) ?? [];
    return Array.isArray(texts) ? texts.map((text) => JSON.parse(String(text)) as DeadLetter) : [];
  }

  async replay(ids: readonly string[] | null): Promise<number> {
    const answer = await this.call(this.scripts.replay, ...(ids ?? []));
    if (answer === null) return 0;
    const [count, ...size] = answer;
    this.learn(size);
    this.told.filled();
    return Number(count);
  }

  /** Of all nodes, as this one has seen it last. */
  size(): QueueSize {
    const { events, ...rest } = this.lastSize;
    return { ...rest, events: events + this.unwritten.length + this.beingWritten };
  }

  flush(): Promise<void> {
    this.last = this.last.then(() => {
      this.isWriteDue = false;
      return this.write();
    });
    return this.last;
  }

  async close(): Promise<void> {
    this.looking?.cancel();
    await this.flush();
    this.again?.cancel();
    await this.call(this.scripts.release, this.options.owner);
    if (this.unwritten.length > 0)
      this.told.dropped(this.unwritten.length, 'Redis is away, and the server has stopped');
  }

  private async write(): Promise<void> {
    this.again?.cancel();
    this.again = null;
    const { maxEvents, maxBytes, deadLetters } = this.options;
    while (this.unwritten.length > 0) {
      const events = this.unwritten.splice(0, CHUNK);
      this.beingWritten = events.length;
      const bounds = [maxEvents, maxBytes, deadLetters, this.clock.now(), QUEUE_FULL];
      const answer = await this.call(this.scripts.put, ...bounds, ...events);
      this.beingWritten = 0;
      if (answer === null) return this.later(events);
      const [dropped, ...size] = answer;
      this.learn(size);
      if (Number(dropped) > 0) this.told.dropped(Number(dropped), 'full');
      this.told.filled();
    }
  }

  private later(events: readonly string[]): void {
    this.unwritten = [...events, ...this.unwritten];
    const lost = this.unwritten.splice(0, Math.max(0, this.unwritten.length - UNWRITTEN_EVENTS));
    if (lost.length > 0) this.told.dropped(lost.length, 'Redis is away');
    this.again = this.scheduler.after(WRITE_AGAIN_MS, () => void this.flush());
  }

  private learn(size: readonly unknown[]): void {
    const [events, bytes, deadLetters] = size.map(Number);
    this.lastSize = { events: events ?? 0, bytes: bytes ?? 0, deadLetters: deadLetters ?? 0 };
  }

  /** By its text and not by its digest: the maker of the link need not know of it before it connects. */
  private async call({ source }: Script, ...args: readonly (string | number)[]): Promise<readonly unknown[] | null> {
    const [answer] = (await this.send([['EVAL', source, this.keys.length, ...this.keys, ...args]])) ?? [];
    return Array.isArray(answer) ? answer : null;
  }

  private async send(commands: readonly Command[]): Promise<Results | null> {
    const results = await new Promise<Results>((resolve) => this.redis.write(commands, resolve));
    const failure = results.find((result) => isFailure(result));
    if (failure === undefined) return results;
    this.told.failed('talking to Redis', failure);
    return null;
  }
}

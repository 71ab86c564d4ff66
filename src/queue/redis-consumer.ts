/**
 * One consumer of a queue in Redis. It talks to Redis in steps: what became of its messages and how much room it has goes
 * there, more messages come back. One step is under way at a time, so that steps grow with the load.
 */
import { isFailure, type Results } from '../redis/command-client.ts';
import type { RedisFailure } from '../redis/failure.ts';
import type { RedisLink } from '../redis/link.ts';
import type { Clock, Scheduler, Timer } from '../telemetry/clock.ts';
import type { Delivery, Receiver, Subscription } from './queue-store.ts';
import { keysOf, type QueueScript } from './redis-queue-scripts.ts';

export interface RedisConsumerOptions {
  readonly queue: string;
  readonly prefetch: number;
  readonly maxDead: number;
  readonly leaseMs: number;
}

export interface RedisConsumerPorts {
  readonly link: RedisLink;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly step: QueueScript;
  /** Of this consumer, among all. */
  readonly name: string;
  /** Called once, when it is at its end. */
  readonly ended: () => void;
}

interface Held {
  readonly id: string;
  readonly lane: string;
  readonly delivery: Delivery;
}

/** What became of a message, as lua/step.lua reads it. */
type Word = readonly [
  what: 'done' | 'later' | 'back' | 'dead',
  id: string,
  lane: string,
  first: string | number,
  second: string | number,
];

/** A consumer looks by itself so often: for what is due, for those who are gone, and to be counted among the living. */
const LOOK_MS = 1_000;
const AGAIN_MS = 250;
/** Fields of a message in an answer. */
const FIELDS = 4;

export class RedisConsumer implements Subscription {
  private readonly options: RedisConsumerOptions;
  private readonly receiver: Receiver;
  private readonly ports: RedisConsumerPorts;
  private readonly held = new Map<string, Held>();
  private words: Word[] = [];
  private looking: Timer | null = null;
  private isBusy = false;
  private isDue = false;
  private isLooking = false;
  private isPaused = false;
  /** An answer did not arrive: Redis may think that this consumer has more than it knows of. */
  private isUnsure = false;
  private isKnown = false;
  private ending: PromiseWithResolvers<void> | null = null;

  constructor(options: RedisConsumerOptions, receiver: Receiver, ports: RedisConsumerPorts) {
    this.options = options;
    this.receiver = receiver;
    this.ports = ports;
  }

  start(): void {
    this.looking = this.ports.scheduler.every(LOOK_MS, () => this.look());
    this.look();
  }

  /** There may be something to do. */
  look(): void {
    this.isLooking = true;
    this.soon();
  }

  pause(): void {
    this.isPaused = true;
  }

  end(): Promise<void> {
    if (this.ending !== null) return this.ending.promise;
    this.pause();
    this.ending = Promise.withResolvers<void>();
    for (const { id, lane } of this.held.values()) this.words.push(['back', id, lane, '', '']);
    this.held.clear();
    this.soon();
    return this.ending.promise;
  }

  private soon(): void {
    if (this.isDue || this.isBusy || this.looking === null) return;
    this.isDue = true;
    this.ports.scheduler.endOfTurn(() => {
      this.isDue = false;
      this.step();
    });
  }

  private step(): void {
    const { link, step, name } = this.ports;
    const { queue, prefetch, leaseMs, maxDead } = this.options;
    const room = this.isPaused ? 0 : prefetch - this.held.size;
    const isLeaving = this.ending !== null;
    if (room === 0 && this.words.length === 0 && !this.isLooking && !isLeaving) return;
    this.isBusy = true;
    this.isLooking = false;
    const { words } = this;
    this.words = [];
    const holds = this.isUnsure ? [this.held.size, ...this.held.keys()] : [-1];
    const channel = link.keys.channel('queue', '', queue);
    const command = step.call(
      keysOf(link, queue),
      channel,
      name,
      room,
      leaseMs,
      maxDead,
      Number(isLeaving),
      ...holds,
      ...words.flat(),
    );
    link.write([command], ([answer]: Results) => {
      this.isBusy = false;
      if (isFailure(answer)) this.failed(answer, words, isLeaving);
      else if (isLeaving) this.left();
      else this.answered(answer as readonly unknown[]);
    });
  }

  private answered([isMember, hasMore, ...messages]: readonly unknown[]): void {
    this.isUnsure = false;
    // Others may have taken all that was in its hands: it was away for longer than its lease.
    if (this.isKnown && isMember === 0) this.loseAll();
    this.isKnown = true;
    for (let at = 0; at + FIELDS <= messages.length; at += FIELDS) {
      const [id, lane, attempt, text] = messages.slice(at, at + FIELDS);
      this.take(String(id), String(lane), Number(attempt), String(text));
    }
    const isGoingOn = hasMore === 1 || messages.length > 0;
    if (isGoingOn && !this.isPaused) this.isLooking ||= hasMore === 1;
    if (this.words.length > 0 || this.isLooking || this.ending !== null) this.soon();
  }

  private take(id: string, lane: string, attempt: number, text: string): void {
    if (this.isPaused) {
      this.words.push(['back', id, lane, '', '']);
      return;
    }
    const say = (what: Word[0], first: string | number = '', second: string | number = ''): void => {
      // Once, and not of what is in other hands.
      if (this.held.get(id) !== held) return;
      this.held.delete(id);
      this.words.push([what, id, lane, first, second]);
      this.soon();
    };
    const delivery: Delivery = {
      text,
      attempt,
      settle: () => say('done'),
      later: (ms, isCounted) => {
        say('later', ms, Number(isCounted));
        // One that is due before the next look.
        if (ms < LOOK_MS) this.ports.scheduler.after(ms + 1, () => this.look());
      },
      bury: (reason) => say('dead', reason),
    };
    const held = { id, lane, delivery };
    this.held.set(id, held);
    this.receiver.deliver(delivery);
  }

  private failed({ outcome }: RedisFailure, words: readonly Word[], isLeaving: boolean): void {
    // Saying it twice does no harm.
    this.words = [...words, ...this.words];
    if (outcome === 'unknown') this.isUnsure = true;
    // Nobody waits for a Redis that is away: the lease gives back what this consumer has.
    if (isLeaving) return this.left();
    this.ports.scheduler.after(AGAIN_MS, () => this.look());
  }

  private loseAll(): void {
    const all = [...this.held.values()];
    this.held.clear();
    for (const { delivery } of all) this.receiver.lost(delivery);
  }

  private left(): void {
    this.looking?.cancel();
    this.looking = null;
    this.ports.ended();
    this.ending?.resolve();
  }
}

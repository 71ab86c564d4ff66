/** What the contract's tests see of a broker: promises instead of callbacks, and everything that its listener was told. */
import { expect } from 'vitest';
import { isRefusal, type Refusal } from '../protocol/errors.ts';
import type { Position, Publication } from '../protocol/position.ts';
import type { Topic } from '../protocol/topic.ts';
import type { Appended, BrokerListener, Draft, History, Published, ReadRequest, Reply, Retained } from './broker.ts';
import type { BrokerSettings, BrokerUnderTest } from './contract-suite.ts';

/** Something that the listener was told. */
export type Told =
  | { readonly kind: 'published'; readonly topic: Topic; readonly publication: Publication }
  | { readonly kind: 'epochChanged'; readonly topic: Topic; readonly position: Position }
  | { readonly kind: 'renumbered'; readonly topic: Topic; readonly position: Position }
  | { readonly kind: 'withdrawn'; readonly topic: Topic; readonly upTo: number }
  | { readonly kind: 'forgotten'; readonly topic: Topic };

/** Opens a broker for one test; it is closed after it. */
export type Open = (settings?: Partial<BrokerSettings>) => Promise<Probe>;

/** What a refused request rejects with. */
export class Refused extends Error {
  readonly reason: Refusal['reason'];

  constructor({ reason, message }: Refusal) {
    super(`${reason}: ${message}`);
    this.reason = reason;
  }
}

const FENCE = 'fence.of-the-contract';
const EVERYTHING = { after: 'earliest', limit: 10_000, maxBytes: 10_000_000 } as const;

export function draft(payload: string, fields: Partial<Draft> = {}): Draft {
  return { payload, from: 'ada', clientId: undefined, trace: undefined, idempotencyKey: undefined, ...fields };
}

export function sequencesOf(publications: readonly Publication[]): (number | undefined)[] {
  return publications.map(({ position }) => position?.sequence);
}

export function count(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, at) => from + at);
}

export class Probe implements BrokerListener {
  readonly events: Told[] = [];
  readonly under: BrokerUnderTest;
  private readonly answers: number[] = [];
  private waiting: { readonly holds: () => boolean; readonly resolve: () => void }[] = [];

  constructor(under: BrokerUnderTest) {
    this.under = under;
  }

  async start(): Promise<void> {
    await this.under.broker.start(this);
    await this.retain(FENCE);
  }

  /** Ends the broker and checks what holds in every test: each request was answered exactly once. */
  async close(): Promise<void> {
    await this.under.broker.stop();
    await this.under.dispose();
    expect(this.answers).toEqual(this.answers.map(() => 1));
  }

  // Requests; they reject when the broker refuses

  retain(filter: Topic, by = ''): Promise<Retained> {
    return this.ask<Retained>((reply) => this.under.broker.retain(filter, reply, by));
  }

  publish(topic: Topic, payload: string | Draft): Promise<Published> {
    const message = typeof payload === 'string' ? draft(payload) : payload;
    return this.ask<Published>((reply) => this.under.broker.publish(topic, message, reply));
  }

  /** Publishes so many messages with the payloads `1`, `2` …, and answers the position of the last. */
  async publishMany(topic: Topic, messages: number, payload = (at: number): string => String(at)): Promise<Position> {
    const all = await Promise.all(count(1, messages).map((at) => this.publish(topic, payload(at))));
    const position = all.at(-1)?.position;
    if (position === undefined || position === null) throw new Error(`${topic} is not a logged topic`);
    return position;
  }

  append(
    topic: Topic,
    position: Position,
    payload: string | Draft,
    timestamp: number = this.under.now(),
  ): Promise<Appended> {
    const message = typeof payload === 'string' ? draft(payload) : payload;
    return this.ask<Appended>((reply) => this.under.broker.append(topic, position, timestamp, message, reply));
  }

  async withdraw(topic: Topic, upTo: number): Promise<void> {
    await this.ask<{ readonly done: true }>((reply) =>
      this.under.broker.withdraw(topic, upTo, (answer) => reply(answer ?? { done: true })),
    );
  }

  /** By default everything that the log holds. */
  read(topic: Topic, request: Partial<ReadRequest> = {}): Promise<History> {
    return this.ask<History>((reply) => this.under.broker.read(topic, { ...EVERYTHING, ...request }, reply));
  }

  // What the listener was told

  told(topic: Topic): Publication[] {
    return this.events.flatMap((event) =>
      event.kind === 'published' && event.topic === topic ? [event.publication] : [],
    );
  }

  /** Resolves when the listener has been told so much of a topic. */
  async toldOf(topic: Topic, publications: number): Promise<Publication[]> {
    await this.until(() => this.told(topic).length >= publications);
    return this.told(topic);
  }

  /** Resolves when what was published before this has been told, if it is ever told. */
  async allTold(): Promise<void> {
    const before = this.told(FENCE).length;
    await this.publish(FENCE, '"fence"');
    await this.toldOf(FENCE, before + 1);
  }

  published(publication: Publication): void {
    this.record({ kind: 'published', topic: publication.topic, publication });
  }

  epochChanged(topic: Topic, epoch: string, first: number): void {
    this.record({ kind: 'epochChanged', topic, position: { epoch, sequence: first } });
  }

  withdrawn(topic: Topic, upTo: number): void {
    this.record({ kind: 'withdrawn', topic, upTo });
  }

  renumbered(topic: Topic, position: Position): void {
    this.record({ kind: 'renumbered', topic, position });
  }

  forgotten(topic: Topic): void {
    this.record({ kind: 'forgotten', topic });
  }

  private ask<T extends object>(call: (reply: Reply<T>) => void): Promise<T> {
    const at = this.answers.push(0) - 1;
    return new Promise<T>((resolve, reject) => {
      call((answer) => {
        this.answers[at] = (this.answers[at] ?? 0) + 1;
        if (isRefusal(answer)) reject(new Refused(answer));
        else resolve(answer);
      });
    });
  }

  private until(holds: () => boolean): Promise<void> {
    if (holds()) return Promise.resolve();
    return new Promise((resolve) => {
      this.waiting.push({ holds, resolve });
    });
  }

  private record(event: Told): void {
    this.events.push(event);
    const [done, rest] = [this.waiting.filter(({ holds }) => holds()), this.waiting.filter(({ holds }) => !holds())];
    this.waiting = rest;
    for (const { resolve } of done) resolve();
  }
}

/** The real distributed broker of two nodes over a simulated Redis. The world's clients are on the first of them. */
import type {
  Appended,
  BrokerListener,
  Draft,
  History,
  HistorySourceOf,
  Published,
  ReadRequest,
  Reply,
  Retained,
} from '../broker/broker.ts';
import type { DistributedBroker, DistributedBrokerOptions } from '../broker/distributed.ts';
import { pickUp } from '../broker/record.ts';
import type { TopicLogs } from '../broker/topic-logs.ts';
import type { Position, Publication } from '../protocol/position.ts';
import type { Topic } from '../protocol/topic.ts';
import type { Clock, Scheduler } from '../telemetry/clock.ts';
import type { Remainder } from '../telemetry/round.ts';
import { CONFLATED, conflatedPayload } from './conflated-reader.ts';
import type { Ledger } from './ledger.ts';
import type { SeededRandom } from './seeded-random.ts';
import { SimulatedLogs } from './simulated-logs.ts';
import { SimulatedRedis } from './simulated-redis.ts';
import type { WorldBroker } from './world-broker.ts';

export type MakeDistributedBroker = (
  options: DistributedBrokerOptions,
  logs: TopicLogs,
  clock: Clock,
  scheduler: Scheduler,
) => DistributedBroker;

const TOPICS = ['chat.a', 'chat.b', 'chat.c', 'typing.x', CONFLATED] as const;
/** Of both nodes: each compares silent topics. */
const TIMERS = 2;

export class SimulatedRedisBroker implements WorldBroker, BrokerListener {
  private healed = false;
  private listener: BrokerListener | null = null;
  private readonly redis: SimulatedRedis;
  private readonly links: readonly [SimulatedLogs, SimulatedLogs];
  private readonly own: DistributedBroker;
  private readonly other: DistributedBroker;
  private readonly ledger: Ledger;
  /** How much of what is under way goes on at once: a fast network, or a slow one. */
  private readonly burst: number;
  /** Share of messages that are lost on the way. */
  private readonly losesNotices: number;
  private readonly random: SeededRandom;
  private readonly faults: readonly ((detail: number) => void)[];

  constructor(
    make: MakeDistributedBroker,
    options: DistributedBrokerOptions,
    clock: Clock & Scheduler,
    random: SeededRandom,
    ledger: Ledger,
  ) {
    this.ledger = ledger;
    this.random = random;
    const witness = {
      stored: (topic: Topic, epoch: string, { sequence, record }: { sequence: number; record: string }): void =>
        ledger.record({ topic, position: { epoch, sequence }, payload: pickUp(record).payload }),
      renamed: (topic: Topic, epoch: string, { sequence, record }: { sequence: number; record: string }): void =>
        ledger.rename(topic, { epoch, sequence }, pickUp(record).payload),
      lost: ({ record }: { record: string }): void => ledger.lose(pickUp(record).payload),
    };
    this.redis = new SimulatedRedis(clock, random, witness, (topic, notice, from) => {
      for (const link of this.links) if (link !== from) link.published(topic, notice);
    });
    this.links = [new SimulatedLogs(this.redis), new SimulatedLogs(this.redis)];
    this.own = make(options, this.links[0], clock, clock);
    this.other = make(options, this.links[1], clock, clock);
    // A world has some of them, so that rare combinations get their chance.
    const all = this.allFaults();
    this.faults = all.filter(() => random.chance(0.5));
    this.losesNotices = random.pick([0, 0, 0.1, 0.3]);
    this.burst = random.pick([1, 2, 5, 20]);
  }

  get isHealed(): boolean {
    return this.healed;
  }

  set isHealed(isHealed: boolean) {
    this.healed = isHealed;
    for (const link of this.links) link.mend();
  }

  get timers(): number {
    return TIMERS + [this.own, this.other].filter(({ isSweeping }) => isSweeping).length;
  }

  get pending(): number {
    return this.links[0].pending + this.links[1].pending;
  }

  async start(listener: BrokerListener): Promise<void> {
    this.listener = listener;
    void this.other.start({
      published: () => {},
      epochChanged: () => {},
      renumbered: () => {},
      withdrawn: () => {},
      forgotten: () => {},
    });
    await this.own.start(this);
  }

  async stop(): Promise<void> {
    await this.own.stop();
  }

  retain(filter: Topic, reply: Reply<Retained>): void {
    this.own.retain(filter, reply);
  }

  release(filter: Topic): void {
    this.own.release(filter);
  }

  publish(topic: Topic, draft: Draft, reply: Reply<Published>): void {
    this.own.publish(topic, draft, reply);
  }

  append(topic: Topic, position: Position, timestamp: number, draft: Draft, reply: Reply<Appended>): void {
    this.own.append(topic, position, timestamp, draft, reply);
  }

  withdraw(topic: Topic, upTo: number, reply: Reply<null>): void {
    this.own.withdraw(topic, upTo, reply);
  }

  useHistory(sourceOf: HistorySourceOf): void {
    this.own.useHistory(sourceOf);
  }

  read(topic: Topic, request: ReadRequest, reply: Reply<History>): void {
    this.own.read(topic, request, reply);
  }

  // From the broker to the node

  published(publication: Publication): void {
    // Ephemeral messages are what their node tells: nobody else knows of them.
    if (publication.position === null) this.ledger.record(publication);
    this.listener?.published(publication);
  }

  epochChanged(topic: Topic, epoch: string, first: number): void {
    this.listener?.epochChanged(topic, epoch, first);
  }

  renumbered(topic: Topic, position: Position, hasHistory: boolean): void {
    this.listener?.renumbered(topic, position, hasHistory);
  }

  withdrawn(topic: Topic, upTo: number): void {
    this.listener?.withdrawn(topic, upTo);
  }

  forgotten(topic: Topic): void {
    this.listener?.forgotten(topic);
  }

  // What the schedule decides

  work(choice: number): void {
    for (let at = 0; at < this.burst; at += 1) this.linkAt(choice).work(part(choice, at));
  }

  deliverAnswer(choice: number): void {
    for (let at = 0; at < this.burst; at += 1) this.linkAt(choice).deliverAnswer(part(choice, at));
  }

  deliverNotice(choice: number): void {
    for (let at = 0; at < this.burst; at += 1) {
      if (!this.healed && this.random.chance(this.losesNotices)) this.linkAt(choice).loseNotice();
      this.linkAt(choice).deliverNotice();
    }
  }

  forget(topic: Topic): void {
    this.redis.empty(topic);
  }

  disturb(choice: number, detail: number, payload: () => string): void {
    if (choice < 0.5) return this.publishElsewhere(detail, payload());
    // A fault is mended sooner than the next thing breaks, mostly.
    if (choice > 0.8 || this.faults.length === 0) return this.mendAll();
    this.faults[Math.floor(((choice - 0.5) / 0.3) * this.faults.length)]?.(detail);
  }

  sweep(): Remainder {
    return 'nothing';
  }

  private linkAt(choice: number): SimulatedLogs {
    const [own, other] = this.links;
    if (own.pending === 0) return other;
    return other.pending > 0 && choice > 0.6 ? other : own;
  }

  private publishElsewhere(detail: number, payload: string): void {
    const topic = TOPICS[Math.floor(detail * TOPICS.length)] ?? 'chat.a';
    const draft = {
      payload: JSON.stringify(topic === CONFLATED ? conflatedPayload(payload) : payload),
      from: 'elsewhere',
      clientId: undefined,
      trace: undefined,
      idempotencyKey: undefined,
    };
    this.other.publish(topic, draft, () => {});
  }

  private allFaults(): ((detail: number) => void)[] {
    const [own, other] = this.links;
    return [
      () => own.loseNotice(),
      (detail) => own.breakCommands(Math.floor(detail * 3)),
      () => own.breakMessages(),
      () => other.breakCommands(1),
      () => own.loseNotice(),
      () => own.loseNotice(),
      () => this.redis.replicate(),
      () => this.redis.renameServer(),
      (detail) => this.failOver(detail),
      (detail) => void (this.redis.clockOffset += Math.floor((detail - 0.5) * 10_000)),
      () => this.restartEmpty(),
    ];
  }

  private mendAll(): void {
    for (const link of this.links) link.mend();
  }

  /** Every connection breaks; some are back before others. */
  private failOver(detail: number): void {
    this.breakAll(Math.floor(detail * 2));
    this.redis.failOver();
  }

  private restartEmpty(): void {
    this.breakAll(0);
    this.redis.empty();
    this.redis.renameServer();
  }

  private breakAll(arriving: number): void {
    for (const link of this.links) {
      link.breakCommands(arriving);
      link.breakMessages();
    }
  }
}

function part(choice: number, at: number): number {
  return (choice * 7 + at * 0.37) % 1;
}

/**
 * The real in-memory broker at the far end of a link: calls arrive in order but late, answers come back in any order,
 * notices of publications in order per topic, and some of all this fails.
 */
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
import type { MemoryBroker } from '../broker/memory.ts';
import { refusal } from '../protocol/errors.ts';
import type { Position, Publication } from '../protocol/position.ts';
import type { Topic } from '../protocol/topic.ts';
import type { Segment } from '../segments/segment.ts';
import type { Remainder } from '../telemetry/round.ts';
import type { Stored } from './ledger.ts';
import type { WorldBroker } from './world-broker.ts';
import type { SeededRandom } from './seeded-random.ts';

export interface BrokerFaults {
  /** Calls, answers and notices happen at once, as with the broker embedded. */
  readonly isImmediate: boolean;
  /** Share of calls that are refused without effect. */
  readonly refuses: number;
  /** Share of publishes that take effect and are answered `outcome_unknown`. */
  readonly unknownOutcomes: number;
  /** Share of notices that get lost. */
  readonly losesNotices: number;
}

export class SimulatedBroker implements WorldBroker, BrokerListener {
  isHealed = false;
  private listener: BrokerListener | null = null;
  private calls: (() => void)[] = [];
  private answers: (() => void)[] = [];
  private readonly notices = new Map<Topic, (() => void)[]>();
  private readonly inner: MemoryBroker;
  private readonly faults: BrokerFaults;
  private readonly random: SeededRandom;
  private readonly stored: (message: Stored) => void;

  /** @param stored told of every message that the log has taken: the truth that clients are checked against */
  constructor(inner: MemoryBroker, faults: BrokerFaults, random: SeededRandom, stored: (message: Stored) => void) {
    this.inner = inner;
    this.faults = faults;
    this.random = random;
    this.stored = stored;
  }

  get pending(): number {
    let waiting = this.calls.length + this.answers.length;
    for (const queue of this.notices.values()) waiting += queue.length;
    return waiting;
  }

  async start(listener: BrokerListener): Promise<void> {
    this.listener = listener;
    await this.inner.start(this);
  }

  stop(): Promise<void> {
    return this.inner.stop();
  }

  retain(filter: Topic, reply: Reply<Retained>, by?: string): void {
    this.call(() => this.inner.retain(filter, (answer) => this.answer(() => reply(answer)), by), reply);
  }

  release(filter: Topic): void {
    this.call(() => this.inner.release(filter), null);
  }

  publish(topic: Topic, draft: Draft, reply: Reply<Published>): void {
    this.call(() => {
      const isUnknown = this.happens(this.faults.unknownOutcomes);
      this.inner.publish(topic, draft, (answer) => {
        if ('position' in answer && answer.position !== null)
          this.stored({ topic, position: answer.position, payload: draft.payload });
        this.answer(() => reply(isUnknown ? refusal('outcome_unknown', 'the answer was lost') : answer));
      });
    }, reply);
  }

  append(topic: Topic, position: Position, timestamp: number, draft: Draft, reply: Reply<Appended>): void {
    this.call(
      () => this.inner.append(topic, position, timestamp, draft, (answer) => this.answer(() => reply(answer))),
      reply,
    );
  }

  withdraw(topic: Topic, upTo: number, reply: Reply<null>): void {
    this.call(() => this.inner.withdraw(topic, upTo, (answer) => this.answer(() => reply(answer))), reply);
  }

  useHistory(sourceOf: HistorySourceOf): void {
    this.inner.useHistory(sourceOf);
  }

  read(topic: Topic, request: ReadRequest, reply: Reply<History>): void {
    this.call(() => this.inner.read(topic, request, (answer) => this.answer(() => reply(answer))), reply);
  }

  // From the broker inside

  published(publication: Publication, segment?: Segment | null): void {
    this.stored(publication);
    if (publication.position !== null && this.happens(this.faults.losesNotices)) return;
    this.notice(publication.topic, () => this.listener?.published(publication, segment));
  }

  epochChanged(topic: Topic, epoch: string, first: number): void {
    this.notice(topic, () => this.listener?.epochChanged(topic, epoch, first));
  }

  renumbered(topic: Topic, position: Position, hasHistory: boolean): void {
    this.notice(topic, () => this.listener?.renumbered(topic, position, hasHistory));
  }

  withdrawn(topic: Topic, upTo: number): void {
    this.notice(topic, () => this.listener?.withdrawn(topic, upTo));
  }

  forgotten(topic: Topic): void {
    this.notice(topic, () => this.listener?.forgotten(topic));
  }

  // What the schedule decides

  /** The oldest call reaches the broker. */
  work(): void {
    this.calls.shift()?.();
  }

  /** One of the answers that are under way arrives. */
  deliverAnswer(choice: number): void {
    const [answer] = this.answers.splice(Math.floor(choice * this.answers.length), 1);
    answer?.();
  }

  /** The next notice of one of the topics arrives. */
  deliverNotice(choice: number): void {
    const waiting = [...this.notices].filter(([, queue]) => queue.length > 0);
    const [, queue] = waiting[Math.floor(choice * waiting.length)] ?? [];
    queue?.shift()?.();
  }

  readonly timers = 0;

  forget(topic: Topic): void {
    this.inner.forget(topic);
  }

  disturb(): void {}

  sweep(most: number): Remainder {
    return this.inner.sweep(most);
  }

  private call<T>(run: () => void, reply: Reply<T> | null): void {
    const attempt = (): void => {
      if (reply !== null && this.happens(this.faults.refuses))
        this.answer(() => reply(refusal('log_unavailable', 'the log is away', 100)));
      else run();
    };
    if (this.faults.isImmediate) attempt();
    else this.calls.push(attempt);
  }

  private answer(run: () => void): void {
    if (this.faults.isImmediate) run();
    else this.answers.push(run);
  }

  private notice(topic: Topic, run: () => void): void {
    if (this.faults.isImmediate) return run();
    const queue = this.notices.get(topic);
    if (queue === undefined) this.notices.set(topic, [run]);
    else queue.push(run);
  }

  private happens(share: number): boolean {
    return !this.isHealed && this.random.chance(share);
  }
}

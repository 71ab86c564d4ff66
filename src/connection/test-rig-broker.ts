/** A broker whose answers can be held back, and which can be made to throw. */
import type {
  Appended,
  Broker,
  BrokerListener,
  Draft,
  History,
  HistorySourceOf,
  Published,
  ReadRequest,
  Reply,
  Retained,
} from '../broker/broker.ts';
import type { Refusal } from '../protocol/errors.ts';
import type { Position } from '../protocol/position.ts';
import type { Topic } from '../protocol/topic.ts';

type Call = 'retain' | 'publish' | 'append' | 'read';

export class HeldBroker implements Broker {
  readonly inner: Broker;
  /** Calls whose answers wait for {@link letGo}. */
  readonly holds = new Set<Call>();
  /** Calls that are refused instead. */
  readonly refuses = new Map<Call, Refusal>();
  /** Publications do not reach the node: notices that got lost. */
  losesNotices = false;
  /** The answer of a log in place of what it holds. */
  pretends: (history: History) => History = (history) => history;
  /** How often each call was made. */
  readonly calls: Record<Call, number> = { retain: 0, publish: 0, append: 0, read: 0 };
  private readonly held: (() => void)[] = [];

  constructor(inner: Broker) {
    this.inner = inner;
  }

  start(listener: BrokerListener): Promise<void> {
    return this.inner.start({
      published: (publication, segment) => {
        if (!this.losesNotices) listener.published(publication, segment);
      },
      epochChanged: (topic, epoch, first) => listener.epochChanged(topic, epoch, first),
      renumbered: (topic, position, hasHistory) => listener.renumbered(topic, position, hasHistory),
      withdrawn: (topic, upTo) => listener.withdrawn(topic, upTo),
      forgotten: (topic) => listener.forgotten(topic),
    });
  }

  stop(): Promise<void> {
    return this.inner.stop();
  }

  retain(filter: Topic, reply: Reply<Retained>): void {
    this.call('retain', reply, (late) => this.inner.retain(filter, late));
  }

  release(filter: Topic): void {
    this.inner.release(filter);
  }

  publish(topic: Topic, draft: Draft, reply: Reply<Published>): void {
    this.call('publish', reply, (late) => this.inner.publish(topic, draft, late));
  }

  append(topic: Topic, position: Position, timestamp: number, draft: Draft, reply: Reply<Appended>): void {
    this.call('append', reply, (late) => this.inner.append(topic, position, timestamp, draft, late));
  }

  withdraw(topic: Topic, upTo: number, reply: Reply<null>): void {
    this.inner.withdraw(topic, upTo, reply);
  }

  useHistory(sourceOf: HistorySourceOf): void {
    this.inner.useHistory(sourceOf);
  }

  read(topic: Topic, request: ReadRequest, reply: Reply<History>): void {
    this.call('read', reply, (late) =>
      this.inner.read(topic, request, (answer) => late('publications' in answer ? this.pretends(answer) : answer)),
    );
  }

  /** Answers that wait. */
  get waiting(): number {
    return this.held.length;
  }

  /** Gives the answers that were held back, and holds back no more. */
  letGo(): void {
    this.holds.clear();
    for (const work of this.held.splice(0)) work();
  }

  private call<T>(name: Call, reply: Reply<T>, work: (late: Reply<T>) => void): void {
    this.calls[name] += 1;
    const refusal = this.refuses.get(name);
    const late: Reply<T> = this.holds.has(name) ? (answer) => this.held.push(() => reply(answer)) : reply;
    if (refusal === undefined) work(late);
    else late(refusal);
  }
}

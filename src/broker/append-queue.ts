/** Collects what is published during a turn of the event loop; at its end it goes to the logs together. */
import { isRefusal, refusal, type Refusal } from '../protocol/errors.ts';
import type { Position } from '../protocol/position.ts';
import type { Topic } from '../protocol/topic.ts';
import type { Scheduler } from '../telemetry/clock.ts';
import type { Appended, Reply } from './broker.ts';
import type { Retention } from './retention.ts';
import type { LogCall, NewRecord, Stored, TopicLogs } from './topic-logs.ts';

export interface AppendLimits {
  /** Messages whose answer is awaited, and their bytes; more are refused. */
  readonly pendingMessages: number;
  readonly pendingBytes: number;
}

/** Messages and bytes that one call carries at most: longer ones would hold up everybody else's. */
const CALL_MESSAGES = 100;
const CALL_BYTES = 262_144;

type StoredReply = Reply<Exclude<Stored, 'conflict' | Refusal>>;

/** A call that still takes messages of its topic. */
interface OpenCall {
  readonly records: NewRecord[];
  readonly replies: StoredReply[];
  bytes: number;
}

export class AppendQueue {
  private calls: LogCall[] = [];
  private readonly open = new Map<Topic, OpenCall>();
  private messages = 0;
  private bytes = 0;
  private readonly limits: AppendLimits;
  private readonly logs: TopicLogs;
  private readonly scheduler: Scheduler;

  constructor(limits: AppendLimits, logs: TopicLogs, scheduler: Scheduler) {
    this.limits = limits;
    this.logs = logs;
    this.scheduler = scheduler;
  }

  /** Messages that wait for their answer. */
  get pending(): number {
    return this.messages;
  }

  append(topic: Topic, retention: Retention, message: NewRecord, reply: StoredReply): void {
    const refused = this.take(message.record);
    if (refused !== null) return reply(refused);
    const size = message.record.length;
    let call = this.open.get(topic);
    if (call === undefined || call.records.length >= CALL_MESSAGES || call.bytes + size > CALL_BYTES) {
      call = { records: [], replies: [], bytes: 0 };
      this.open.set(topic, call);
      const { records, replies } = call;
      this.push({
        kind: 'append',
        topic,
        retention,
        records,
        reply: (answer) => this.stored(records, replies, answer),
      });
    }
    call.records.push(message);
    call.replies.push(reply);
    call.bytes += size;
  }

  appendAt(
    topic: Topic,
    retention: Retention,
    { epoch, sequence, timestamp }: Position & { readonly timestamp: number },
    record: string,
    reply: Reply<Appended>,
  ): void {
    const refused = this.take(record);
    if (refused !== null) return reply(refused);
    this.open.delete(topic);
    this.push({
      kind: 'owner',
      topic,
      retention,
      epoch,
      sequence,
      timestamp,
      record,
      reply: (answer) => this.settle(record, () => reply(answer)),
    });
  }

  ephemeral(
    topic: Topic,
    { record, once }: NewRecord,
    reply: Reply<{ readonly outcome: 'published' | 'duplicate' | 'conflict' }>,
  ): void {
    const refused = this.take(record);
    if (refused !== null) return reply(refused);
    this.push({ kind: 'ephemeral', topic, record, once, reply: (answer) => this.settle(record, () => reply(answer)) });
  }

  withdraw(topic: Topic, upTo: number, reply: Reply<null>): void {
    const refused = this.take('');
    if (refused !== null) return reply(refused);
    this.push({ kind: 'withdraw', topic, upTo, reply: (answer) => this.settle('', () => reply(answer)) });
  }

  /** Nothing waits in line for the store to come back: what cannot be sent now is refused now. */
  private take(record: string): Refusal | null {
    const { store, isAvailable } = this.logs;
    if (!isAvailable) return refusal('log_unavailable', `expected ${store} to answer; it does not now`, 1_000);
    const { pendingMessages, pendingBytes } = this.limits;
    if (this.messages >= pendingMessages || this.bytes + record.length > pendingBytes)
      return refusal('log_unavailable', `expected fewer publishes under way to ${store}`, 200);
    this.messages += 1;
    this.bytes += record.length;
    return null;
  }

  private push(call: LogCall): void {
    if (this.calls.length === 0) this.scheduler.endOfTurn(() => this.flush());
    this.calls.push(call);
  }

  private flush(): void {
    const { calls } = this;
    this.calls = [];
    this.open.clear();
    this.logs.send(calls);
  }

  private stored(
    records: readonly NewRecord[],
    replies: readonly StoredReply[],
    answer: readonly Stored[] | Refusal,
  ): void {
    const refused = isRefusal(answer) ? answer : null;
    for (let at = 0; at < replies.length; at += 1) {
      this.answered((records[at] as NewRecord).record);
      const outcome = refused ?? ((answer as readonly Stored[])[at] as Stored);
      (replies[at] as StoredReply)(
        outcome === 'conflict'
          ? refusal(
              'idempotency_conflict',
              'expected the payload that this idempotency_key was first used with, got another one',
            )
          : outcome,
      );
    }
  }

  private settle(record: string, reply: () => void): void {
    this.answered(record);
    reply();
  }

  /** One message less waits. */
  private answered(record: string): void {
    this.messages -= 1;
    this.bytes -= record.length;
  }
}

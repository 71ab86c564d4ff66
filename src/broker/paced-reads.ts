/** Reads of logs, so many at a time and no more: a crowd that comes back must not keep the store from taking publishes. */
import { refusal, type Refusal } from '../protocol/errors.ts';
import type { Topic } from '../protocol/topic.ts';
import type { ReadRequest } from './broker.ts';
import type { LogPage, TopicLogs } from './topic-logs.ts';

export interface ReadLimits {
  /** Reads under way. */
  readonly atOnce: number;
  /** Reads that wait for their turn; more are refused. */
  readonly waiting: number;
}

type PageReply = (answer: LogPage | Refusal | null) => void;

export class PacedReads {
  /** Reads that went to the logs. */
  total = 0;
  private underWay = 0;
  private queue: (() => void)[] = [];
  private at = 0;
  private readonly limits: ReadLimits;
  private readonly logs: TopicLogs;

  constructor(limits: ReadLimits, logs: TopicLogs) {
    this.limits = limits;
    this.logs = logs;
  }

  read(topic: Topic, request: ReadRequest, ageMs: number, reply: PageReply): void {
    const { store, isAvailable } = this.logs;
    if (!isAvailable) return reply(refusal('log_unavailable', `expected ${store} to answer; it does not now`, 1_000));
    const start = (): void => {
      this.underWay += 1;
      this.total += 1;
      this.logs.read(topic, request, ageMs, (answer) => {
        this.underWay -= 1;
        this.next();
        reply(answer);
      });
    };
    if (this.underWay < this.limits.atOnce) return start();
    if (this.queue.length - this.at >= this.limits.waiting)
      return reply(refusal('log_unavailable', `expected fewer reads of logs that wait for ${store}`, 1_000));
    this.queue.push(start);
  }

  private next(): void {
    const start = this.queue[this.at];
    if (start === undefined) return;
    this.at += 1;
    if (this.at > 1_000 || this.at === this.queue.length) {
      this.queue = this.queue.slice(this.at);
      this.at = 0;
    }
    start();
  }
}

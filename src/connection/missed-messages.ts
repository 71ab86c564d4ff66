/**
 * The answer to one `GetMissedMessages`: pages of the log, topic after topic, then a `Status`. It stands outside the
 * order of live delivery and moves no subscription; live publications of its topics wait until it is done.
 */
import { isRefusal } from '../protocol/errors.ts';
import type { History } from '../broker/broker.ts';
import type { ClientFrame, GetMissedMessagesFrame } from '../protocol/frames.ts';
import type { Position } from '../protocol/position.ts';
import type { Topic } from '../protocol/topic.ts';
import type { Subscription } from '../router/subscription.ts';
import type { Connection } from './connection.ts';
import { afterPage, askForPage, hasRoom, replayedFrames, writePage } from './log-page.ts';
import { notePending } from './pending.ts';
import { statusFrame } from './replies.ts';
import { awakeSubscription, holdFor, release } from './subscriptions.ts';

export interface MissedTopic {
  readonly topic: Topic;
  /** What the client calls it. */
  readonly name: string;
  readonly from: Position | { readonly since: number };
}

export interface MissedResult {
  readonly epoch: string;
  readonly sequence: number;
  readonly recovered: boolean;
  readonly reason?: string;
}

export class MissedMessages {
  private readonly connection: Connection;
  private readonly frame: GetMissedMessagesFrame;
  private readonly queue: readonly MissedTopic[];
  private readonly results: Record<string, MissedResult>;
  private at = 0;
  /** Where the current topic stands, and where it ends: the head when it was first read. */
  private cursor: Position | null = null;
  private until = 0;
  private reason: string | undefined;
  private count = 0;
  /** Topics about which rights have changed since they were asked for: nobody has allowed them since. */
  private readonly doubtful = new Set<string>();
  private readonly held: Subscription[] = [];

  /** @param refused topics that are answered without being read, by the client's name */
  constructor(
    connection: Connection,
    frame: GetMissedMessagesFrame,
    topics: readonly MissedTopic[],
    refused: Readonly<Record<string, MissedResult>>,
  ) {
    this.connection = connection;
    this.frame = frame;
    this.queue = topics;
    this.results = { ...refused };
    this.holdAll();
  }

  /** Becomes what the connection reads, before anything that lags. */
  start(): void {
    this.connection.missed = this;
    notePending(this.connection);
    this.connection.scheduleRead();
  }

  /** Takes the next step: asks for a page, or ends. */
  readOn(): void {
    const { connection } = this;
    const target = this.queue[this.at];
    const left = this.frame.limit - this.count;
    if (target === undefined || left <= 0) return this.finish();
    if (this.isDoubtful(target)) return afterPage(connection);
    const { pageMessages, pageBytes } = connection.context.limits;
    const request = { after: this.cursor ?? target.from, limit: Math.min(pageMessages, left), maxBytes: pageBytes };
    askForPage(connection, target.topic, request, this.frame, (page) => {
      if (connection.missed !== this) return;
      if (this.isDoubtful(target)) return afterPage(connection);
      if (!isRefusal(page)) return this.pageArrived(target, page);
      this.endTopic(target, { epoch: '', sequence: 0, recovered: false, reason: page.reason });
      afterPage(connection);
    });
  }

  /** Topics whose rights have changed are given no further: a client that asks again has them decided anew. */
  rightsChanged(isAbout: (name: string) => boolean): void {
    for (const { name } of this.queue.slice(this.at)) if (isAbout(name)) this.doubtful.add(name);
  }

  /** Ends the answer without a `Status`, when its frame was put aside after a failure. */
  abandonIf(frame: ClientFrame): void {
    if (frame === this.frame) this.end();
  }

  private isDoubtful(target: MissedTopic): boolean {
    if (!this.doubtful.has(target.name)) return false;
    this.endTopic(target, { epoch: '', sequence: 0, recovered: false, reason: 'rights_unavailable' });
    return true;
  }

  private pageArrived(target: MissedTopic, history: History): void {
    const { connection } = this;
    if (!hasRoom(connection)) return;
    if (this.cursor === null) this.begin(history);
    else if (history.lost !== null || history.first > this.cursor.sequence + 1)
      this.reason ??= history.lost ?? 'trimmed';
    const page = history.publications.filter(({ position }) => (position?.sequence ?? 0) <= this.until);
    const frames = replayedFrames(connection, page, this.frame.id);
    const last = page.at(-1)?.position ?? {
      epoch: history.epoch,
      sequence: Math.max(history.after, Math.min(history.first - 1, this.until)),
    };
    connection.context.router.tracing.of(target.topic)?.replayed(page, connection, 'missed_messages');
    this.count += page.length;
    this.cursor = last;
    if (page.length === 0 || last.sequence >= this.until) this.endTopic(target, this.resultAt(last));
    else if (this.count >= this.frame.limit) this.endTopic(target, { ...last, recovered: false, reason: 'limit' });
    writePage(connection, { after: 0, to: 0, replayed: true, frames, batch: null }, page.length, null);
  }

  private begin(history: History): void {
    this.until = history.top;
    this.reason =
      history.lost ?? (history.first > history.after + 1 && history.after < history.top ? 'trimmed' : undefined);
  }

  private resultAt(position: Position): MissedResult {
    return this.reason === undefined
      ? { ...position, recovered: true }
      : { ...position, recovered: false, reason: this.reason };
  }

  private endTopic(target: MissedTopic, result: MissedResult): void {
    this.results[target.name] = result;
    this.at += 1;
    this.cursor = null;
    this.reason = undefined;
  }

  private finish(): void {
    const { connection, frame, results } = this;
    for (const { name } of this.queue.slice(this.at))
      results[name] ??= { epoch: '', sequence: 0, recovered: false, reason: 'limit' };
    const complete = Object.values(results).every(({ recovered }) => recovered);
    this.end();
    connection.reply(frame, statusFrame('missed_messages', { count: this.count, complete, topics: results }));
  }

  private end(): void {
    const { connection } = this;
    connection.missed = null;
    notePending(connection);
    for (const subscription of this.held) release(connection, subscription);
    if (connection.lagging !== null) connection.scheduleRead();
  }

  private holdAll(): void {
    for (const { topic } of this.queue) {
      const subscription = awakeSubscription(this.connection, topic);
      if (subscription !== undefined) holdFor(this.held, subscription);
    }
  }
}

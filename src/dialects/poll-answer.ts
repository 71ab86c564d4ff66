/** Waits for news of some topics, and answers with them and with where the client then stands. */
import type { Connection } from '../connection/connection.ts';
import type { HttpResponse } from '../node/route.ts';
import type { Payload } from '../protocol/codec.ts';
import { ERRORS, refusal, type Reason, type Refusal } from '../protocol/errors.ts';
import { utf8 } from '../protocol/json-publication.ts';
import type { Position } from '../protocol/position.ts';
import { ME } from '../protocol/topic.ts';
import type { Scheduler, Timer } from '../telemetry/clock.ts';
import type { Accepted } from '../node/admission.ts';
import { refused } from './arrival.ts';
import { BriefAnswer } from './brief-answer.ts';
import { FIRST_FRAME, type Plan } from './wishes.ts';

/** So long after its time a poll waits for positions and for messages that it is known to have missed. */
const LATEST_MS = 5_000;

export interface PollBounds {
  readonly waitMs: number;
  readonly max: number;
}

interface Frame {
  readonly type: string;
  readonly reply_to?: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** A publication, or a loss. */
interface News {
  readonly type: string;
  readonly data: {
    readonly topic?: string;
    readonly epoch?: string;
    readonly sequence?: number;
    readonly to?: number;
    readonly cause?: string;
  };
}

interface Recovery {
  readonly recovered: boolean;
  readonly missed: number;
  readonly reason?: string;
}

interface Subscribed {
  readonly topics: readonly string[];
  readonly positions: Readonly<Record<string, Position>>;
  readonly recovery: Readonly<Record<string, Recovery>>;
  readonly rejected: readonly { readonly topic: string }[];
}

export class PollAnswer extends BriefAnswer {
  private readonly plan: Plan;
  private readonly bounds: PollBounds;
  private readonly scheduler: Scheduler;
  /** Publications and announced losses, in order. */
  private readonly news: string[] = [];
  /** Topics of which a loss was announced. */
  private readonly announced = new Set<string>();
  private subscribed: Subscribed | null = null;
  private reconnectAfterMs: number | null = null;
  private timer: Timer | null = null;
  private isEnding = false;
  private isDue = false;

  constructor(admission: Accepted, plan: Plan, bounds: PollBounds, scheduler: Scheduler) {
    super(admission);
    this.plan = plan;
    this.bounds = bounds;
    this.scheduler = scheduler;
  }

  override abandon(): void {
    this.timer?.cancel();
    super.abandon();
  }

  send(payload: Payload): void {
    if (typeof payload !== 'string') this.publication(utf8(payload));
    else if (payload.startsWith('{"type":"Broadcast"') || payload.startsWith('{"type":"DirectMessage"'))
      this.publication(payload);
    else this.control(JSON.parse(payload) as Frame, payload);
  }

  protected begin(connection: Connection): void {
    this.timer = this.scheduler.after(this.bounds.waitMs, () => this.due());
    connection.cell.tell(this.plan.frame, 0);
  }

  protected partial(problem: Refusal): HttpResponse | null {
    this.timer?.cancel();
    // Positions are worth more than the reason why there is not more, unless a loss stands before them.
    return this.news.length === 0 || this.hasLossToCome || ERRORS[problem.reason].code === 401 ? null : this.response();
  }

  private publication(text: string): void {
    this.news.push(text);
    this.endSoon();
  }

  private control(frame: Frame, text: string): void {
    const { type, data } = frame;
    if (type === 'Gap') {
      const { topic } = data;
      this.announced.add(typeof topic === 'string' ? topic : ME);
      return this.publication(text);
    }
    if (frame.reply_to === FIRST_FRAME) return this.answeredSubscribe(frame);
    if (type === 'Status' && data['status'] === 'draining') {
      const { reconnect_after_ms: after } = data['details'] as { reconnect_after_ms: number };
      this.reconnectAfterMs = after;
      this.endSoon();
    }
  }

  private answeredSubscribe({ type, data }: Frame): void {
    if (type === 'Error') {
      const {
        reason,
        message,
        retry_after_ms: after,
      } = data as { reason: Reason; message: string; retry_after_ms?: number };
      this.timer?.cancel();
      return this.finish(refused(refusal(reason, message, after)));
    }
    this.subscribed = data['details'] as Subscribed;
    const { rejected, positions } = this.subscribed;
    // The client cannot take topics off its list that are not on it: for them it would ask again and again.
    const isAmiss = rejected.some(({ topic }) => !this.plan.given.has(topic));
    if (isAmiss || Object.keys(positions).length === 0) this.endSoon();
    else if (this.isDue) this.due();
  }

  /** The positions of the answer are behind it already: a client that goes on there would never hear of it. */
  private get hasLossToCome(): boolean {
    return Object.entries(this.subscribed?.recovery ?? {}).some(
      ([topic, { recovered, reason }]) =>
        !recovered && reason !== 'trimmed' && reason !== 'no_history' && !this.announced.has(topic),
    );
  }

  /** The time to wait is over. Messages on their way are waited for all the same: a client that does not wait must get them too. */
  private due(): void {
    const { subscribed, scheduler } = this;
    this.isDue = true;
    const isOnItsWay =
      subscribed === null ||
      this.hasLossToCome ||
      Object.values(subscribed.recovery).some(({ missed }) => missed > 0 && this.news.length === 0);
    if (!isOnItsWay) return this.end();
    this.timer?.cancel();
    this.timer = scheduler.after(LATEST_MS, () => this.end());
  }

  /** At the end of the turn: what comes in it belongs to the same answer. */
  private endSoon(): void {
    if (this.isEnding) return;
    this.isEnding = true;
    this.scheduler.endOfTurn(() => {
      this.isEnding = false;
      // A loss can be announced before the positions are known.
      if (this.subscribed !== null && !this.hasLossToCome) this.end();
    });
  }

  private end(): void {
    this.timer?.cancel();
    if (this.connection !== null) this.finish(this.response());
  }

  private response(): HttpResponse {
    const { subscribed } = this;
    if (subscribed === null || this.hasLossToCome)
      return refused(refusal('not_admitting', 'expected the positions of the topics in time: ask again', 1_000));
    const items: string[] = [];
    const gaps: string[] = [];
    const positions: Record<string, Position> = { ...subscribed.positions };
    /** Of these something is in the answer, and of those what comes behind a loss is left to the next one. */
    const told = new Set<string>();
    const cut = new Set<string>();
    for (const text of this.news) {
      const { type, data } = JSON.parse(text) as News;
      const { topic = ME, epoch, sequence, to, cause } = data;
      const place = sequence ?? to;
      if (epoch === undefined || place === undefined) continue;
      // Sequences say where a loss stands among the messages, but only within an epoch.
      if (cause === 'history_lost' && told.has(topic)) cut.add(topic);
      if (cut.has(topic)) continue;
      if (type !== 'Gap' && items.length === this.bounds.max) break;
      (type === 'Gap' ? gaps : items).push(text);
      positions[topic] = { epoch, sequence: place };
      told.add(topic);
    }
    const rest = JSON.stringify({
      positions,
      recovery: subscribed.recovery,
      rejected: subscribed.rejected,
      unavailable: subscribed.topics
        .filter((topic) => positions[topic] === undefined)
        .map((topic) => ({ topic, reason: 'no_history' })),
      ...(this.reconnectAfterMs === null ? {} : { reconnect_after_ms: this.reconnectAfterMs }),
    });
    return {
      status: 200,
      headers: { 'content-type': 'application/json' },
      body: `{"items":[${items.join(',')}],"gaps":[${gaps.join(',')}],${rest.slice(1)}`,
    };
  }
}

/** `wait_ms` and `max` of a poll, or why it cannot be. */
export function boundsOf(fields: Readonly<Record<string, unknown>>, most: PollBounds): PollBounds | Refusal {
  const { wait_ms: waitMs = most.waitMs, max = most.max, presence } = fields;
  if (presence !== undefined)
    return refusal(
      'invalid_field',
      'presence: expected a stream (POST /sse) or a WebSocket: a poll is over in a moment',
    );
  if (!isWhole(waitMs, 0, most.waitMs)) return outside('wait_ms', 0, most.waitMs);
  if (!isWhole(max, 1, most.max)) return outside('max', 1, most.max);
  return { waitMs, max };
}

function isWhole(value: unknown, least: number, most: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most;
}

function outside(name: string, least: number, most: number): Refusal {
  return refusal('invalid_field', `${name}: expected a whole number from ${least} to ${most}`);
}

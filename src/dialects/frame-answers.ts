/** Hands some frames of a client to a connection that lasts until each has its answer. */
import type { Connection } from '../connection/connection.ts';
import { errorFrame } from '../connection/replies.ts';
import type { HttpResponse } from '../node/route.ts';
import type { Payload } from '../protocol/codec.ts';
import { quote, refusal, type Refusal } from '../protocol/errors.ts';
import { utf8 } from '../protocol/json-publication.ts';
import { MAX_FRAME_ID_LENGTH } from '../protocol/limits.ts';
import type { Scheduler, Timer } from '../telemetry/clock.ts';
import type { Accepted } from '../node/admission.ts';
import { BriefAnswer } from './brief-answer.ts';
import { typeOf } from './event-text.ts';

/** What needs no connection that stays. */
const TYPES = ['Broadcast', 'DirectMessage', 'History', 'PresenceGet', 'Ping'];
const KEYED = new Set(['Broadcast', 'DirectMessage']);

/** No port takes longer; and should one never answer, its client is told so. */
const LATEST_MS = 30_000;
const LATE = refusal('outcome_unknown', `expected the answer to this frame within ${LATEST_MS} ms`, 1_000);

/** A frame with the client's own characters. */
export interface Given {
  readonly value: unknown;
  readonly text: string;
}

export class FrameAnswers extends BriefAnswer {
  private readonly given: readonly Given[];
  private readonly answers: (string | null)[];
  private readonly places = new Map<string, number>();
  private readonly scheduler: Scheduler;
  private open = 0;
  /** The frame that is being read. */
  private reading: number | null = null;
  private timer: Timer | null = null;

  constructor(admission: Accepted, given: readonly Given[], scheduler: Scheduler) {
    super(admission);
    this.given = given;
    this.scheduler = scheduler;
    this.answers = given.map(() => null);
  }

  override abandon(): void {
    this.timer?.cancel();
    super.abandon();
  }

  send(payload: Payload): void {
    const text = typeof payload === 'string' ? payload : utf8(payload);
    const named = replyTo(text);
    // A frame that is refused unread has no name: it is the one that is being read.
    const isUnread = named === undefined && this.reading !== null && typeOf(text) === 'Error';
    const place = isUnread ? this.reading : this.places.get(named ?? '');
    if (place === null || place === undefined || this.answers[place] !== null) return;
    this.settle(place, text);
  }

  protected begin(connection: Connection): void {
    const encoder = new TextEncoder();
    const fit: number[] = [];
    this.open = this.given.length + 1;
    this.timer = this.scheduler.after(LATEST_MS, () => this.finish(this.response(LATE)));
    for (const [at, { value }] of this.given.entries()) {
      const problem = this.problemOf(value);
      if (problem === null) {
        this.places.set((value as { id: string }).id, at);
        fit.push(at);
      } else this.settle(at, textOf(problem, idOf(value)));
    }
    for (const at of fit) {
      this.reading = at;
      connection.received(encoder.encode(this.given[at]?.text).buffer, false);
    }
    this.reading = null;
    this.settled();
  }

  protected partial(problem: Refusal): HttpResponse | null {
    this.timer?.cancel();
    if (this.answers.every((answer) => answer === null)) return null;
    return this.response(problem);
  }

  private settle(place: number, text: string): void {
    this.answers[place] = text;
    this.settled();
  }

  private settled(): void {
    this.open -= 1;
    if (this.open > 0) return;
    this.timer?.cancel();
    this.finish(this.response(LATE));
  }

  /** @param missing what is said of frames without an answer */
  private response(missing: Refusal): HttpResponse {
    const texts = this.answers.map((answer, at) => answer ?? textOf(missing, idOf(this.given[at]?.value)));
    return { status: 200, headers: { 'content-type': 'application/json' }, body: `[${texts.join(',')}]` };
  }

  private problemOf(value: unknown): Refusal | null {
    const id = idOf(value);
    const { type, data } = (value ?? {}) as { type?: unknown; data?: { idempotency_key?: unknown } | null };
    if (typeof type !== 'string' || !TYPES.includes(type))
      return refusal(
        'unknown_type',
        `expected one of ${TYPES.join(', ')}, got ${quote(type)}: others need a connection`,
      );
    if (id === undefined || this.places.has(id))
      return refusal(
        'invalid_field',
        `id: expected 1 to ${MAX_FRAME_ID_LENGTH} characters that no other frame of the request has: it names the answer`,
      );
    if (KEYED.has(type) && typeof data?.idempotency_key !== 'string')
      return refusal(
        'invalid_field',
        'data.idempotency_key: expected a key, by which a repeated request is not stored twice',
      );
    return null;
  }
}

function idOf(value: unknown): string | undefined {
  const id = typeof value === 'object' && value !== null ? (value as { id?: unknown }).id : undefined;
  const isName = typeof id === 'string' && id.length > 0 && id.length <= MAX_FRAME_ID_LENGTH && id.isWellFormed();
  return isName ? id : undefined;
}

function textOf(problem: Refusal, id: string | undefined): string {
  const { type, data } = errorFrame(problem);
  return JSON.stringify({ type, reply_to: id, data });
}

/** Which frame it answers. Every answer names it right behind its type. */
function replyTo(text: string): string | undefined {
  const [, quoted] = /^\{"type":"[A-Za-z]+","reply_to":("(?:[^"\\]|\\.)*")/.exec(text) ?? [];
  return quoted === undefined ? undefined : (JSON.parse(quoted) as string);
}

/** Hands some frames of a client to a connection that lasts until each has its answer. */
import type { Connection } from '../connection/connection.ts';
import { errorFrame } from '../connection/replies.ts';
import type { HttpResponse } from '../node/route.ts';
import { byteLength, type Payload } from '../protocol/codec.ts';
import { quote, refusal, type Refusal } from '../protocol/errors.ts';
import { utf8 } from '../protocol/json-publication.ts';
import type { Accepted } from './arrival.ts';
import { BriefAnswer } from './brief-answer.ts';

/** What needs no connection that stays. */
const TYPES = ['Broadcast', 'DirectMessage', 'History', 'Ping'];
const KEYED = new Set(['Broadcast', 'DirectMessage']);

/** A frame with the client's own characters. */
export interface Given {
  readonly value: unknown;
  readonly text: string;
}

export class FrameAnswers extends BriefAnswer {
  private readonly given: readonly Given[];
  private readonly answers: (string | null)[];
  private readonly places = new Map<string, number>();
  private open = 0;

  constructor(admission: Accepted, given: readonly Given[]) {
    super(admission);
    this.given = given;
    this.answers = given.map(() => null);
  }

  send(payload: Payload): void {
    const text = typeof payload === 'string' ? payload : utf8(payload);
    const place = this.places.get(replyTo(text) ?? '');
    if (place === undefined || this.answers[place] !== null) return;
    this.settle(place, text);
  }

  protected begin(connection: Connection): void {
    const encoder = new TextEncoder();
    const fit: Given[] = [];
    this.open = this.given.length + 1;
    for (const [at, frame] of this.given.entries()) {
      const problem = this.problemOf(frame.value);
      if (problem === null) {
        this.places.set((frame.value as { id: string }).id, at);
        fit.push(frame);
      } else this.settle(at, textOf(problem, idOf(frame.value)));
    }
    for (const { text } of fit) connection.received(encoder.encode(text).buffer, false);
    this.settled();
  }

  protected partial(problem: Refusal): HttpResponse | null {
    if (this.answers.every((answer) => answer === null)) return null;
    return this.response(problem);
  }

  private settle(place: number, text: string): void {
    this.answers[place] = text;
    this.settled();
  }

  private settled(): void {
    this.open -= 1;
    if (this.open === 0) this.finish(this.response(refusal('internal', 'expected an answer')));
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
    if (id === undefined || byteLength(id) === 0 || this.places.has(id))
      return refusal(
        'invalid_field',
        'id: expected one that no other frame of the request has: answers are told by it',
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
  return typeof id === 'string' ? id : undefined;
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

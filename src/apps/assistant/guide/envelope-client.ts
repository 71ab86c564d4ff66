/** One client of the guide's envelope: what it says as frames, and what the server's frames are called there. */
import { ERRORS, type Reason } from '../../../protocol/errors.ts';
import type { JsonValue } from '../../../protocol/frames.ts';
import { dropOldest } from '../../../telemetry/drop-oldest.ts';
import type { DialectClient, DialectFrame, DialectMessage, Heard, ServerFrame } from '../../dialect.ts';
import { correlationOf } from '../answers/records.ts';
import type { Failure } from '../providers/provider.ts';
import type { Door } from './door.ts';
import { isUnread, saidIn, type Request } from './envelope-in.ts';
import { errorEnvelope, liveEnvelope, messageOf, storedEnvelope, type Envelope } from './envelope-out.ts';
import { answerError, type ChatError } from './errors.ts';
import { messageIdOf } from './shown.ts';

/** Requests that wait for their answers, and ids of own messages that are remembered. */
const MOST = 1_000;

type Fields = Readonly<Record<string, JsonValue>>;

export interface EnvelopeSetup {
  readonly door: Door;
  readonly now: () => number;
  readonly user: string;
  /** The session of a topic, and whether it is the one that nobody keeps; `null` for topics of others. */
  readonly sessionOf: (topic: string) => { readonly session: string; readonly isLive: boolean } | null;
  /** Whether it is told the pieces of answers. */
  readonly wantsDeltas: boolean;
  readonly first: readonly DialectFrame[];
  /** Without, that of its token and of conversations. */
  readonly isGiven: boolean;
  readonly opened: () => void;
  readonly ended: () => void;
}

export class EnvelopeClient implements DialectClient {
  readonly first: readonly DialectFrame[];
  readonly isGiven: boolean;
  private readonly setup: EnvelopeSetup;
  private readonly requests = new Map<string, Request>();
  /** Messages of its own, which it has in their acknowledgements. */
  private readonly own = new Map<string, true>();
  private lastNumber = 0;
  private isOpen = false;

  constructor(setup: EnvelopeSetup) {
    this.setup = setup;
    this.isGiven = setup.isGiven;
    this.first = setup.first.map(({ type, data }) => ({
      type,
      id: this.wait({ kind: type === 'Subscribe' ? 'follow' : 'status', session: sessionIn(data), messageId: '' }),
      ...(data !== undefined && { data }),
    }));
  }

  received(message: JsonValue): Heard {
    const said = saidIn(message, () => this.setup.door.newCorrelation());
    if (said === null) return null;
    const id = this.wait(said.request);
    if (isUnread(said)) return { refusal: said.problem, id };
    if (said.request.kind === 'ask') {
      this.own.set(said.request.messageId, true);
      dropOldest(this.own, MOST);
    }
    return { frame: { ...said.frame, id } };
  }

  told(frame: ServerFrame): readonly DialectMessage[] {
    return this.envelopes(frame).map(messageOf);
  }

  ended(): void {
    if (this.isOpen) this.setup.ended();
  }

  private envelopes(frame: ServerFrame): readonly Envelope[] {
    const { type, reply_to: replyTo, data, timestamp: at = this.setup.now() } = frame;
    if (type === 'Broadcast') return this.publication(data, at);
    const request = replyTo === undefined ? undefined : this.requests.get(replyTo);
    if (replyTo !== undefined) this.requests.delete(replyTo);
    switch (type) {
      case 'Error':
        return [this.refused(data, request, at)];
      case 'Gap':
        return this.gap(data, at);
      case 'AuthStatus':
        return [
          { type: 'status', content: 'token_expiring', metadata: { expires_at: data['expires_at'] ?? null }, at },
        ];
      case 'Status':
        return request === undefined ? this.status(data, at) : this.answered(request, detailsOf(data), at);
      default:
        return request === undefined ? [] : this.answered(request, data, at);
    }
  }

  private status(data: Fields, at: number): readonly Envelope[] {
    const details = detailsOf(data);
    switch (data['status']) {
      case 'connected':
        this.isOpen = true;
        this.setup.opened();
        return [
          {
            type: 'status',
            content: 'connected',
            metadata: { user_id: this.setup.user, connection_id: details['connection_id'] ?? null },
            at,
          },
        ];
      case 'draining':
        return [
          {
            type: 'status',
            content: 'draining',
            metadata: { reconnect_after_ms: details['reconnect_after_ms'] ?? null },
            at,
          },
        ];
      default:
        return [];
    }
  }

  private answered({ kind, session, messageId }: Request, details: Fields, at: number): readonly Envelope[] {
    switch (kind) {
      case 'ask': {
        const sequence = Number(details['sequence']);
        const metadata = { client_message_id: messageId, sequence, duplicate: details['duplicate'] ?? false };
        return [
          { type: 'ack', session, messageId: messageIdOf(session, sequence), content: 'delivered', metadata, at },
        ];
      }
      case 'heartbeat':
        return [{ type: 'heartbeat', at }];
      case 'presence':
        return [{ type: 'presence', session, content: 'online', metadata: { user_id: this.setup.user }, at }];
      case 'stop':
        return [
          {
            type: 'ack',
            session,
            messageId,
            content: 'stop',
            metadata: { was_running: details['wasRunning'] ?? false },
            at,
          },
        ];
      case 'again':
        return [{ type: 'ack', session, messageId, content: 'regenerate', metadata: shownKey(session, details), at }];
      case 'status':
        return [this.current(session, details, at)];
      case 'follow':
        return this.followed(session, details, at);
      default:
        return [];
    }
  }

  /** What is being answered, or how the newest answer has ended. */
  private current(session: string, { answer, last }: Fields, at: number): Envelope {
    if (isFields(answer))
      return { type: 'status', session, content: 'running', metadata: shownKey(session, answer), at };
    if (!isFields(last)) return { type: 'status', session, content: 'idle', at };
    const { status, sequence } = last;
    const isWhole = status === 'done' || status === 'stopped';
    return {
      type: 'status',
      session,
      content: textOf(status),
      metadata: {
        ...shownKey(session, last),
        ...(typeof sequence === 'number' && { message_id: messageIdOf(session, sequence) }),
        ...(!isWhole && { ...this.failed(session, last) }),
      },
      at,
    };
  }

  private followed(session: string, { rejected }: Fields, at: number): readonly Envelope[] {
    const [first] = (rejected ?? []) as readonly Fields[];
    return first === undefined ? [] : [this.refused(first, { kind: 'follow', session, messageId: '' }, at)];
  }

  private publication(data: Fields, at: number): readonly Envelope[] {
    const { topic, sequence, from, payload, client_id: clientId } = data;
    const place = this.setup.sessionOf(textOf(topic));
    if (place === null || !isFields(payload)) return [];
    const { session, isLive } = place;
    if (isLive) return this.live(session, payload, at);
    if (payload['event'] !== 'message' || typeof sequence !== 'number') return [];
    if (typeof clientId === 'string' && from === this.setup.user && this.own.delete(clientId)) return [];
    return [storedEnvelope(session, { sequence, from: textOf(from), timestamp: at, payload })];
  }

  private live(session: string, payload: Fields, at: number): readonly Envelope[] {
    if (payload['event'] === 'answer.end') return this.answerEnd(session, payload, at);
    const envelope = liveEnvelope(session, payload, at);
    return envelope === null || (envelope.type === 'delta' && !this.setup.wantsDeltas) ? [] : [envelope];
  }

  /** A whole answer is its message; the others have to be told. */
  private answerEnd(session: string, payload: Fields, at: number): readonly Envelope[] {
    const { status } = payload;
    if (status === 'done') return [];
    if (status === 'stopped')
      return [{ type: 'status', session, content: 'stopped', metadata: shownKey(session, payload), at }];
    const messageId = messageIdOf(session, Number(payload['question']));
    return [errorEnvelope(this.failed(session, payload), { session, messageId, at })];
  }

  private gap({ topic, cause, from, to }: Fields, at: number): readonly Envelope[] {
    const place = this.setup.sessionOf(textOf(topic));
    if (place === null || place.isLive) return [];
    const metadata = { cause: cause ?? null, from: from ?? null, to: to ?? null };
    return [{ type: 'status', session: place.session, content: 'gap', metadata, at }];
  }

  private refused(data: Fields, request: Request | undefined, at: number): Envelope {
    const { reason, message, retry_after_ms: retryAfterMs, details } = data;
    const { door } = this.setup;
    // A connection that is closed says why in words of its own.
    const isKnown = Object.hasOwn(ERRORS, textOf(reason));
    const problem = {
      reason: isKnown ? (textOf(reason) as Reason) : 'not_admitting',
      message: textOf(message),
      ...(typeof retryAfterMs === 'number' && { retryAfterMs }),
      details: { ...(isFields(details) && details), ...(!isKnown && { close: textOf(reason) }) },
    } as const;
    const where = `envelope ${request?.kind ?? 'connection'}`;
    const error = door.refused(problem, where, door.newCorrelation());
    return errorEnvelope(error, { session: request?.session ?? '', messageId: request?.messageId ?? '', at });
  }

  /** Why an answer has failed, or was interrupted, as it is told at its end and later. */
  private failed(session: string, { status, failure, retryAfterMs, question, attempt }: Fields): ChatError {
    return answerError(
      {
        failure: status === 'failed' ? (failure as Failure) : null,
        retryAfterMs: typeof retryAfterMs === 'number' ? retryAfterMs : null,
      },
      correlationOf({ session, question: Number(question), attempt: Number(attempt) }),
    );
  }

  private wait(request: Request): string {
    this.lastNumber += 1;
    const id = `e-${this.lastNumber}`;
    this.requests.set(id, request);
    dropOldest(this.requests, MOST);
    return id;
  }
}

function shownKey(session: string, { question, attempt }: Fields): Fields {
  return { in_reply_to: messageIdOf(session, Number(question)), attempt: attempt ?? 1 };
}

function textOf(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : '';
}

function detailsOf({ details }: Fields): Fields {
  return isFields(details) ? details : {};
}

function isFields(value: JsonValue | undefined): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function sessionIn(data: JsonValue | undefined): string {
  const session = isFields(data) ? data['session'] : undefined;
  return typeof session === 'string' ? session : '';
}

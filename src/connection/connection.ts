/**
 * One client's connection: an actor whose inbox takes frames and whose mailbox is the ranges it has yet to be sent.
 * This class holds the state and the few things that touch all of it; what it does is in the files beside it:
 * reading.ts (messages), commands/ (frames), outbox.ts and flusher.ts (delivery), overflow.ts, catch-up.ts (the recovery path), liveness.ts.
 */
import type { Actor, StopReason } from '../actor/actor.ts';
import { logCut } from './cut.ts';
import { ActorCell } from '../actor/actor-cell.ts';
import { BoundedQueue } from '../actor/bounded-queue.ts';
import type { Principal } from '../auth/principal.ts';
import type { UserUsage } from '../limits/user-limits.ts';
import { CLOSE_CODES, countedAs, type CloseReason } from '../protocol/close-codes.ts';
import {
  byteLength,
  type Acknowledgement,
  type Codec,
  type Format,
  type Message,
  type Payload,
  type RejectedFrame,
} from '../protocol/codec.ts';
import { refusal, type Refusal } from '../protocol/errors.ts';
import type { ClientFrame, ControlFrame } from '../protocol/frames.ts';
import type { Position } from '../protocol/position.ts';
import type { Topic } from '../protocol/topic.ts';
import type { RoutedTopic } from '../router/routed-topic.ts';
import type { Sender } from '../service/publish.ts';
import { LAGGING, type Subscriber, type Subscription } from '../router/subscription.ts';
import { chargeFreeFrame, chargeLooking, pongsPileUp, strike, type Conduct } from './charges.ts';
import { handle } from './commands/commands.ts';
import { ConnectionFlags, type Agreed } from './connection-flags.ts';
import type { ConnectionContext } from './context.ts';
import { tellDisconnected } from './events.ts';
import { describeFrame } from './frame-description.ts';
import { noteControl } from './frame-log.ts';
import { step, type LifecycleEvent, type LifecycleState } from './lifecycle.ts';
import { countIn } from './mailbox-sums.ts';
import { NOT_PINGED, roundTripOf } from './ping-times.ts';
import type { MissedMessages } from './missed-messages.ts';
import { fallBehind, isFull, makeRoom, overflow } from './overflow.ts';
import type { Recheck } from './recheck.ts';
import { notePending } from './pending.ts';
import { read, receive, receiveAs, refuseOversized } from './reading.ts';
import { gather, writeControl } from './outbox.ts';
import { errorFrame } from './replies.ts';
import { saveSession, sessionIdOf } from './sessions.ts';
import { endSubscription, endSubscriptions, matchedSubscription, type Joining } from './subscriptions.ts';
import { isLasting, type Transport, type TransportListener } from './transport.ts';
import { hogsTurn } from './turn-guard.ts';
import { enqueue } from './waiting-list.ts';

/** What was agreed at the handshake. */
export interface Agreement extends Agreed {
  readonly principal: Principal;
  readonly usage: UserUsage;
  readonly codec: Codec;
  /** The client's address, as far as proxies are trusted; `null` where its transport tells it. */
  readonly address: string | null;
}

export class Connection extends ConnectionFlags implements Actor<ClientFrame>, Subscriber, TransportListener {
  readonly number: number;
  readonly context: ConnectionContext;
  readonly cell: ActorCell<ClientFrame>;
  readonly codec: Codec;
  /** Beat in which it was opened. */
  readonly openedBeat: number;
  readonly usage: UserUsage;
  private readonly givenAddress: string | null;

  // What changes, by the file that writes it: see test/owners.test.ts. Objects for each owner would cost memory.

  // node.ts
  /** The only reference to the socket; cleared when it is gone. */
  transport: Transport | null = null;
  /** Place in the node's dense array. */
  slot = -1;

  // mailbox-sums.ts
  queuedCount = 0;
  queuedBytes = 0;

  // waiting-list.ts: subscriptions with something to write, in the order of their turns
  firstWaiting: Subscription | null = null;
  lastWaiting: Subscription | null = null;

  // outbox.ts and flusher.ts
  /** The control lane: replies that the socket had no room for. */
  control: BoundedQueue<Payload> | null = null;

  // catch-up.ts, log-page.ts and missed-messages.ts
  /** Subscriptions that read the log, the longest lagging first. */
  lagging: Subscription[] | null = null;
  /** The answer to `GetMissedMessages` that is under way. */
  missed: MissedMessages | null = null;

  lifecycle: LifecycleState = 'open';
  /** While the socket is blocked: how much it held, and the beat in which that last became less. */
  progress: { beat: number; buffered: number } | null = null;
  principal: Principal;
  /** Beat of the last sign of life; of the close frame, once one was sent. */
  seenBeat: number;

  // subscriptions.ts
  subscriptions: Subscription[] = [];
  /** The subscriptions by topic, once they are too many to be looked through. */
  byTopic: Map<Topic, number> | null = null;
  patterns: string[] | null = null;
  /** How many of the subscriptions the client named itself. */
  named = 0;

  // commands/ and recheck.ts
  /** The `Subscribe` under way. */
  joining: Joining | null = null;
  /** Live subscriptions whose right is asked for anew. */
  rechecks: Recheck[] | null = null;
  /** Positions that the client acknowledged, for the session. */
  acknowledged: Map<string, Position> | null = null;
  freePingBeat = -1;
  lastTarget: Sender['lastTarget'] = null;

  // ping-times.ts and sessions.ts
  /** When the ping was sent that is not answered yet, or that none is. */
  pingedAt = NOT_PINGED;
  /** Beat in which the changed session is to be written; -1 when it is as it was written. */
  sessionDueBeat = -1;

  // charges.ts
  /** State of the rate limit's bucket. */
  fullAt = 0;
  /** What is held against the client; nothing in the normal case. */
  conduct: Conduct | null = null;

  /**
   * The frame answered last by any connection, so that a failure after the answer does not answer again. Failures come
   * in the same breath, so one for all is enough; one each would keep the last payload of every client in memory.
   */
  private static answered: ClientFrame | null = null;

  constructor(number: number, agreement: Agreement, context: ConnectionContext) {
    super(agreement);
    this.number = number;
    this.context = context;
    this.principal = agreement.principal;
    this.usage = agreement.usage;
    this.codec = agreement.codec;
    this.givenAddress = agreement.address;
    this.openedBeat = context.node.beat;
    this.seenBeat = context.node.beat;
    this.cell = new ActorCell<ClientFrame>(context, () => this);
  }

  /** Printed when it is asked for: as a field it would cost every connection its own string. */
  get id(): string {
    const { name, instance } = this.context.node;
    return `${name}-${instance}-${this.number.toString(36)}`;
  }

  /** Nobody can guess it from another one; the number at its end is where the node finds the connection. */
  get sessionId(): string {
    return sessionIdOf(this.context.node.sessionKey, this.number);
  }

  /** The client's address; `''` when nobody can tell it any more, because the socket is gone. */
  get address(): string {
    return this.givenAddress ?? this.transport?.address?.() ?? '';
  }

  get format(): Format {
    return this.codec.name;
  }

  get isOpen(): boolean {
    return this.lifecycle === 'open' || this.lifecycle === 'draining';
  }

  // From the socket

  received(bytes: ArrayBuffer, binary: boolean): void {
    receive(this, bytes, binary);
  }

  /** Like {@link received}, for a message that its dialect makes a frame of. */
  receivedAs(size: number, make: () => ArrayBuffer | RejectedFrame | null): void {
    receiveAs(this, size, make);
  }

  /** Reads what {@link received} has taken, at once or in a later turn. */
  read(message: Message, binary: boolean, size: number): void {
    read(this, message, binary, size);
  }

  oversized(bytes: ArrayBuffer, binary: boolean): void {
    refuseOversized(this, bytes, binary);
  }

  pinged(size: number): void {
    if (!this.isOpen || hogsTurn(this)) return;
    this.seen();
    chargeFreeFrame(this);
    if (pongsPileUp(this, size)) this.close('control_overflow', 'pongs pile up: read faster');
  }

  ponged(): void {
    if (!this.isOpen || hogsTurn(this)) return;
    this.seen();
    chargeFreeFrame(this);
    const micros = roundTripOf(this);
    if (micros !== null) this.context.counters.pingRoundTrip.observe(micros / 1e6);
  }

  drained(): void {
    if (this.transport === null || this.transport.buffered() > 0) return;
    this.setBlocked(false);
    this.schedule();
  }

  closed(code: number, cut?: string): void {
    if (cut !== undefined) logCut(this, code, cut);
    // What came before the end is read before it.
    if (this.isOpen && this.context.readingTurns.endsLater(this, code)) {
      this.transport = null;
      return;
    }
    if (!this.step('GONE')) return;
    this.transport = null;
    this.context.lastErrors.forget(this.number);
    this.context.counters.closed.add(countedAs(code));
    this.logEnd('Connection closed', code);
    this.release(false);
    this.cell.stop('finished');
    if (isLasting(this.over)) tellDisconnected(this, code);
    this.context.ended(this);
  }

  // As an actor

  receive(frame: ClientFrame): void | Promise<void> {
    return handle(this, frame);
  }

  failed(_error: unknown, frame: ClientFrame | null): void {
    this.cell.resume();
    if (frame !== null) {
      this.joining?.abandonIf(frame);
      this.missed?.abandonIf(frame);
    }
    if (frame !== null && Connection.answered !== frame) {
      this.reply(
        frame,
        errorFrame(refusal('quarantined', 'handling this frame failed inside the server; it was put aside')),
      );
    }
  }

  stopped(reason: StopReason): void {
    if (reason === 'failure_limit')
      this.close('actor_stopped', 'the server gave up on this connection after repeated failures');
  }

  describe(frame: ClientFrame): string {
    return describeFrame(frame);
  }

  // As a subscriber

  queued(subscription: Subscription, count: number, bytes: number): void {
    countIn(this, subscription, count, bytes);
    enqueue(this, subscription);
    if (this.isBlocked) {
      // Nothing is written now: of what waits only the newest of each key will be of use.
      if (subscription.topic.isConflated) overflow(this, subscription);
    } else if (!this.isScheduled) this.schedule();
    if (isFull(this)) makeRoom(this);
  }

  fellBehind(subscription: Subscription): void {
    fallBehind(subscription, this, false);
  }

  /** Delivery to this connection threw: counted against its budget like a failure in a frame. */
  faulted(error: unknown): void {
    this.cell.answer(() => {
      throw error;
    }, null);
  }

  announced(subscription: Subscription): void {
    if (subscription.gap !== null) enqueue(this, subscription);
    if (subscription.state === LAGGING) this.lag(subscription);
    this.schedule();
  }

  matched(topic: RoutedTopic): Subscription | null {
    return matchedSubscription(this, topic);
  }

  looked(names: number, matched: number): void {
    chargeLooking(this, names, matched);
  }

  rested(subscription: Subscription): void {
    endSubscription(this, subscription);
  }

  // For the files beside this one

  /** Puts the subscription among those that read the log. */
  lag(subscription: Subscription): void {
    if (this.lagging === null) this.lagging = [subscription];
    else if (!this.lagging.includes(subscription)) this.lagging.push(subscription);
    this.scheduleRead();
  }

  /** Has the outbox flushed at the end of the turn. */
  schedule(): void {
    if (this.isScheduled || this.isBlocked || this.transport === null) return;
    this.isScheduled = true;
    this.context.flusher.add(this);
  }

  /** Has a page of the log read when those with live news have been served. */
  scheduleRead(): void {
    if (this.isScheduledToRead || this.isBlocked || this.isReading || this.transport === null) return;
    this.isScheduledToRead = true;
    this.context.flusher.addReader(this);
  }

  setBlocked(blocked: boolean): void {
    if (this.isBlocked === blocked) return;
    this.isBlocked = blocked;
    this.progress = blocked ? { beat: this.context.node.beat, buffered: this.transport?.buffered() ?? 0 } : null;
    if (blocked) {
      this.context.backlog.blocked.add(this);
    } else {
      this.context.backlog.blocked.delete(this);
      if (this.lagging !== null || this.missed !== null) this.scheduleRead();
    }
  }

  /** Answers a frame: every frame with an id gets exactly one terminal reply. */
  reply(frame: ClientFrame, control: ControlFrame): void {
    if (Connection.answered === frame) return;
    Connection.answered = frame;
    this.send({ type: control.type, reply_to: frame.id, data: control.data });
  }

  /** Like {@link reply}, for an answer that the codec has put together. */
  replyPayload(frame: ClientFrame, payload: Payload): void {
    if (Connection.answered === frame) return;
    Connection.answered = frame;
    this.sendStatus(payload, frame.id);
  }

  /** Like {@link send}, for a `Status` that the codec has put together. @param replyTo the frame that it answers */
  sendStatus(payload: Payload, replyTo?: string): void {
    noteControl(this, 'Status', replyTo, payload);
    this.sendPayload(payload);
  }

  /**
   * Like {@link reply}, for the answer to a publish.
   * @param isLate none of the client's messages is being handled: what else it is sent in this turn leaves in the same write
   */
  acknowledge(frame: ClientFrame, ack: Acknowledgement, isLate: boolean): void {
    if (Connection.answered === frame) return;
    Connection.answered = frame;
    const payload = this.codec.acknowledgement(ack);
    noteControl(this, 'Ack', frame.id, payload);
    if (!isLate || !gather(this, payload)) this.sendPayload(payload);
  }

  refuse(frame: ClientFrame, refused: Refusal): void {
    this.noteError(refused, frame.type);
    this.reply(frame, errorFrame(refused));
    this.strike(refused);
  }

  /** Counts a refused frame and remembers it. @param frame its type; `null` when it was none */
  noteError({ reason }: Refusal, frame: string | null): void {
    const { counters, lastErrors, clock } = this.context;
    counters.errors.add(reason);
    lastErrors.add(this.number, { at: clock.now(), reason, frame });
  }

  /** Sends a control frame: at once when the socket has room, else through the control lane. */
  send(frame: ControlFrame): void {
    const payload = this.codec.encode(frame);
    noteControl(this, frame.type, frame.reply_to, payload);
    this.sendPayload(payload);
  }

  sendPayload(payload: Payload): void {
    const { transport, context } = this;
    if (transport === null || this.lifecycle === 'closing') return;
    if (!this.isBlocked && (this.control === null || this.control.length === 0) && transport.buffered() === 0) {
      context.counters.sentBytes += payload.length;
      transport.send(payload, this.codec.binary);
      return;
    }
    this.sendInTurn(payload);
  }

  /** Puts a control frame into its lane, which is written at the end of the turn, or when the socket has room. */
  sendInTurn(payload: Payload): void {
    const { controlCapacity, controlBytes } = this.context.limits;
    this.control ??= new BoundedQueue<Payload>({ capacity: controlCapacity, bytes: controlBytes });
    if (!this.control.offer(payload, byteLength(payload)))
      this.close('control_overflow', 'replies pile up: read faster');
    else this.schedule();
  }

  /** Counts a refusal against the client when a correct one would never cause it. */
  strike(refused: Refusal): void {
    if (strike(this, refused))
      this.close('too_many_errors', 'too many malformed or invalid frames: compare them with docs/protocol.md');
  }

  /** A sign of life. */
  seen(): void {
    this.seenBeat = this.context.node.beat;
  }

  /** Closes with a code; nothing is delivered any more. The socket's own `closed` follows. */
  close(reason: CloseReason, text: string): void {
    if (!this.step('CLOSE')) return;
    // Answers that wait for the end of the turn were given before.
    if (!this.isBlocked) writeControl(this);
    this.seenBeat = this.context.node.beat;
    this.logEnd('Closing connection', CLOSE_CODES[reason].code, reason);
    this.release(reason === 'banned' || reason === 'forbidden' || reason === 'token_revoked');
    // Answers of ports that are still under way find nobody any more.
    this.cell.stop('finished');
    this.transport?.close(reason, text);
    const code = this.context.readingTurns.forget(this);
    if (code !== null) this.closed(code);
  }

  /** The client has presented another token of its user. */
  present(claims: Principal): void {
    this.principal = claims;
    this.wasWarned = false;
  }

  /** Moves the lifecycle on, when the state accepts the event. */
  step(event: LifecycleEvent): boolean {
    const next = step(this.lifecycle, event);
    if (next === null) return false;
    this.lifecycle = next;
    return true;
  }

  private logEnd(message: string, code: number, reason?: CloseReason): void {
    const { log } = this.context;
    if (log.isEnabled('debug')) log.debug(message, { connection_id: this.id, code, reason });
  }

  /** Gives back everything that others hold for this connection. */
  private release(isKicked: boolean): void {
    const { context } = this;
    context.underWay.get(this)?.abort();
    context.presence?.presence.closed(this.id, isKicked);
    saveSession(this);
    endSubscriptions(this);
    this.lagging = null;
    context.backlog.blocked.delete(this);
    this.control = null;
    this.missed = null;
    this.joining = null;
    notePending(this);
    this.rechecks = null;
  }
}

/** A client in one namespace: the transport of its connection, over the session that it shares with its other namespaces. */
import type { Connection } from '../../connection/connection.ts';
import type { Transport } from '../../connection/transport.ts';
import type { Principal } from '../../auth/principal.ts';
import { CLOSE_CODES, type CloseReason } from '../../protocol/close-codes.ts';
import { rejected, type Payload, type RejectedFrame } from '../../protocol/codec.ts';
import { quote, refusal, type Refusal } from '../../protocol/errors.ts';
import type { Position } from '../../protocol/position.ts';
import { looksLikePattern } from '../../protocol/topic.ts';
import type { EventTable, Excepted, Newcomer, ServerEvent } from '../../node/event-table.ts';
import type { Accepted } from '../../node/admission.ts';
import { outcomeOf, readAnswer, withMember, type Answer } from './answers.ts';
import type { EngineSession } from './engine-session.ts';
import { isPublication, prefixOf, type EventPackets } from './event-packets.ts';
import { firstFrames, RECOVERY, type Recovery } from './first-frames.ts';
import { eventOf } from './own-events.ts';
import { Places } from './places.ts';
import { answeredEvent, Requests, type Emitted } from './requests.ts';

/** From here on a close code tells the client to come back. */
const TEMPORARY = 4_100;
/** A new token is needed first, which a client that comes back by itself may not have. */
const NEEDS_TOKEN = 4_300;

const encoder = new TextEncoder();

/** An event of a client. */
export interface Event extends Emitted {
  readonly name: string;
}

export interface NamespaceSetup {
  readonly session: EngineSession;
  readonly table: EventTable;
  readonly packets: EventPackets;
  /** A name for this connection's offsets; `null` when there is no recovery. */
  readonly pid: string | null;
  /** Milliseconds since the client asked to come in. */
  readonly tookMs: () => number;
  /** Topics that an offset may name. */
  readonly mostPlaces: number;
  /** It has ended. */
  readonly ended: () => void;
}

export class NamespaceSocket implements Transport {
  private readonly setup: NamespaceSetup;
  private readonly prefix: string;
  private readonly requests = new Requests();
  /** `null` when nothing is recovered. */
  private readonly places: Places | null;
  private connection: Connection | null = null;
  /** Whom it is open for; its greeting comes before there is a connection. */
  private principal: Principal | null = null;
  private recovery: Recovery | null = null;
  /** Frames whose answers it is let in behind: what is published from its `connect` on reaches it. */
  private readonly awaited = new Set<string>();
  /** Under this name it is let in. */
  private pid: string | null;
  /** What it is told when it is let in. */
  private greeting: string | null = null;

  constructor(setup: NamespaceSetup) {
    this.setup = setup;
    this.pid = setup.pid;
    this.prefix = prefixOf(setup.table.namespace);
    this.places = setup.pid === null ? null : new Places(setup.mostPlaces);
  }

  /** @param recovery where the client was, if it says so */
  open(admission: Accepted, recovery: Recovery | null): void {
    this.recovery = recovery;
    this.principal = admission.principal;
    const frames = firstFrames(recovery, admission.subscribe);
    for (const { id } of frames) this.awaited.add(id);
    const connection = admission.open(this, null);
    this.connection = connection;
    for (const frame of frames) connection.cell.tell(frame, 0);
  }

  // From the client

  /** @param read called when the message may be read: the event, or what was expected in its place */
  received(size: number, read: () => Event | string): void {
    this.connection?.receivedAs(size, () => {
      const event = read();
      return typeof event === 'string' ? this.refused(refusal('malformed', event), undefined) : this.frameOf(event);
    });
  }

  /** A packet that is not taken. */
  refuse(expected: string, ack: number | undefined, size: number): void {
    this.connection?.receivedAs(size, () => this.refused(refusal('malformed', expected), ack));
  }

  /** Bytes that belong to a packet that was refused are dropped, and are not free. */
  drop(size: number): void {
    this.connection?.receivedAs(size, () => null);
  }

  ponged(): void {
    this.connection?.ponged();
  }

  drained(): void {
    this.connection?.drained();
  }

  /** The client has left, or its session has ended. */
  left(code: number): void {
    const { connection } = this;
    this.connection = null;
    connection?.closed(code);
  }

  // From the connection

  send(payload: Payload): void {
    if (typeof payload !== 'string') this.publication(payload);
    else if (isPublication(payload)) this.publication(Buffer.from(payload));
    else this.control(payload);
  }

  cork(work: () => void): void {
    this.setup.session.cork(work);
  }

  buffered(): number {
    return this.setup.session.buffered();
  }

  /** The session has its own. */
  ping(): void {}

  close(reason: CloseReason, message: string): void {
    const { session } = this.setup;
    const { code } = CLOSE_CODES[reason];
    const comesBack = code >= TEMPORARY && code < NEEDS_TOKEN;
    if (this.connection !== null) {
      const data = { code, reason, message, temporary: code >= TEMPORARY };
      session.send(this.setup.packets.event({ event: 'error', args: [data] }));
      if (!comesBack) session.send(`41${this.prefix}`);
    }
    this.left(code);
    this.setup.ended();
    if (comesBack) session.close(reason, message);
  }

  terminate(): void {
    this.setup.session.terminate();
  }

  private frameOf(emitted: Event): ArrayBuffer | RejectedFrame {
    const { name, ack } = emitted;
    const event = eventOf(this.setup.table, name);
    if (event === undefined)
      return this.refused(refusal('unknown_type', `expected an event of this namespace, got ${quote(name)}`), ack);
    const made = this.requests.frameOf(event, emitted, this.connection?.id ?? '');
    return typeof made === 'string' ? encoder.encode(made).buffer : this.refused(made, ack);
  }

  private refused(problem: Refusal, ack: number | undefined): RejectedFrame {
    return rejected(problem, this.requests.refusing(ack));
  }

  private publication(frame: Uint8Array): void {
    const { session, packets } = this.setup;
    const packet = packets.of(frame);
    const { places } = this;
    if (!packet.isSent || (packet.except !== null && this.isExcepted(packet.except))) {
      if (packet.sequence !== -1) places?.moved(packet);
    } else if (places === null || packet.sequence === -1) session.send(packet.plain);
    else if (places.movedAlone(packet)) session.send(packet.withOffset);
    else {
      places.moved(packet);
      const offset = places.offset();
      session.send(offset === null ? packet.plain : packet.with(offset));
    }
  }

  private isExcepted(except: Excepted): boolean {
    return 'user' in except ? except.user === this.connection?.principal.user : this.requests.isOwn(except.clientId);
  }

  private control(text: string): void {
    const answer = readAnswer(text);
    if (answer === null) return;
    const { replyTo } = answer;
    const isFirst = replyTo !== undefined && this.awaited.delete(replyTo);
    if (replyTo === RECOVERY) this.recovered(answer);
    if (isFirst) this.letIn();
    this.look(answer);
    // `recovered` of the client says how its recovery ended.
    if (replyTo === RECOVERY) return;
    if (replyTo === undefined || isFirst) return this.told(answer);
    const request = this.requests.answered(replyTo);
    const outcome = outcomeOf(answer);
    const named = request === undefined ? null : answeredEvent(request, outcome);
    if (request?.ack !== undefined) this.setup.session.send(`43${this.prefix}${request.ack}[${outcome}]`);
    // One refusal: the application's own event takes the place of the server's.
    else if (answer.type === 'Error' && named === null)
      this.emit('error', withMember('reply_to', JSON.stringify(replyTo), answer.content));
    if (named !== null) this.setup.session.send(this.setup.packets.event(named));
  }

  /** What is told without being asked. */
  private told({ type, status, content }: Answer): void {
    switch (type) {
      case 'Status':
        if (status === 'connected') this.greeted(content);
        else if (status !== 'subscribed' && status !== 'unsubscribed')
          this.emit('status', withMember('status', JSON.stringify(status), content));
        break;
      case 'Error':
        this.emit('error', content);
        break;
      case 'SystemNotification':
        this.notified(content);
        break;
      case 'AuthStatus':
        this.emit('auth_status', content);
        break;
      default:
      // Gaps are told with the new place; answers to frames without an id are for nobody.
    }
  }

  /** In an application's namespace its notifications are events of their own names. */
  private notified(content: string): void {
    const { code, data = null } = JSON.parse(content) as { code?: string; data?: never };
    if (this.setup.table.withServerEvents === true || code === undefined) this.emit('notification', content);
    else this.setup.session.send(this.setup.packets.event({ event: code, args: [data] }));
  }

  private emit(event: string, argument: string): void {
    this.setup.session.send(this.setup.packets.eventText(event, argument));
  }

  /** Where the client stands is in some frames: it is told so, and its next offset says it. */
  private look(answer: Answer): void {
    const { type, status, content } = answer;
    if (type === 'Gap') return this.lost(content);
    if (type !== 'Status') return;
    if (status === 'subscribed') {
      const { topics, positions } = JSON.parse(content) as Subscribed;
      this.places?.subscribed(topics, positions);
      this.place('subscribed', content);
    } else if (status === 'unsubscribed') {
      this.places?.ended((JSON.parse(content) as Subscribed).topics);
      this.place('unsubscribed', content);
    } else if (status === 'authenticated') {
      const { unsubscribed } = JSON.parse(content) as { unsubscribed: readonly string[] };
      if (unsubscribed.length === 0) return;
      this.places?.ended(unsubscribed);
      this.place('unsubscribed', JSON.stringify({ topics: unsubscribed }));
    }
  }

  private lost(content: string): void {
    const gap = JSON.parse(content) as { topic: string; epoch?: string; to?: number; sequence?: number };
    const sequence = gap.to ?? gap.sequence;
    const { topic, epoch } = gap;
    if (epoch !== undefined && sequence !== undefined) this.places?.moved({ topic, epoch, sequence });
    this.place('gap', content);
  }

  /** An event with the client's offset, which its library remembers. */
  private place(event: string, content: string): void {
    const offset = this.places?.offset() ?? null;
    this.setup.session.send(this.setup.packets.eventText(event, content, offset));
  }

  /** It goes on where it was, or it does not: `recovered` of the client says which. */
  private recovered({ type, content }: Answer): void {
    const { recovery } = this;
    this.recovery = null;
    if (recovery === null) return;
    const found = type === 'Status' ? (JSON.parse(content) as Subscribed) : null;
    // Topics that began while the client was away, and that a pattern matches, are known to nobody.
    const isWhole =
      found !== null &&
      found.rejected.length === 0 &&
      !found.topics.some(looksLikePattern) &&
      Object.values(found.recovery).every((it) => it.recovered);
    if (isWhole) this.pid = recovery.pid;
  }

  private greeted(content: string): void {
    this.greeting = content;
    this.letIn();
  }

  /** When all that it waits for is there. */
  private letIn(): void {
    const { greeting, setup, pid } = this;
    if (greeting === null || this.awaited.size > 0) return;
    this.greeting = null;
    const { connection_id: sid } = JSON.parse(greeting) as { connection_id: string };
    setup.session.send(`40${this.prefix}${JSON.stringify(pid === null ? { sid } : { sid, pid })}`);
    this.emit('status', withMember('status', '"connected"', greeting));
    this.welcome(sid);
  }

  private welcome(socket: string): void {
    const { principal, setup } = this;
    if (principal === null) return;
    const named = welcomeOf(setup.table, { principal, socket, tookMs: setup.tookMs() });
    if (named !== null) setup.session.send(setup.packets.event(named));
  }
}

function welcomeOf({ welcome }: EventTable, newcomer: Newcomer): ServerEvent | null {
  try {
    return welcome?.(newcomer) ?? null;
  } catch {
    return null;
  }
}

interface Subscribed {
  readonly topics: readonly string[];
  readonly positions: Readonly<Record<string, Position>>;
  readonly recovery: Readonly<Record<string, { readonly recovered: boolean }>>;
  readonly rejected: readonly unknown[];
}

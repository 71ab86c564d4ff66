/**
 * One session of Engine.IO: packets over polls, over a WebSocket, or over the one and then the other. What it carries is
 * its client's business (socket-io-client.ts).
 */
import type { Transport, TransportListener } from '../../connection/transport.ts';
import type { Handshake } from '../../node/handshake.ts';
import type { HttpResponse } from '../../node/route.ts';
import type { CloseReason } from '../../protocol/close-codes.ts';
import type { Payload } from '../../protocol/codec.ts';
import type { Scheduler } from '../../telemetry/clock.ts';
import { CLOSE, PING, PROBE_ANSWER, readBody, readPacket } from './engine-packets.ts';
import { PollCarrier } from './poll-carrier.ts';
import { engineError } from './engine-errors.ts';

/** What comes out of a session. */
export interface SessionClient {
  message(text: string): void;
  /** Bytes, which belong to the message before. */
  binary(size: number): void;
  ponged(): void;
  /** There is room again. */
  drained(): void;
  closed(code: number): void;
  /** Whether it is let in anywhere. */
  readonly isKnown: boolean;
}

/** What its keeper is told. */
interface SessionEvents {
  /** For the first time. */
  readonly letIn: () => void;
  readonly ended: (wasStranger: boolean) => void;
}

export interface SessionSettings {
  /** In beats of the sessions' own clock. */
  readonly pingBeats: number;
  readonly pongBeats: number;
  /** For who is let in nowhere. */
  readonly connectBeats: number;
  readonly upgradeBeats: number;
}

/** A WebSocket ended without a close frame, or a client stopped polling. */
const GONE = 1006;

export class EngineSession {
  readonly sid: string;
  readonly handshake: Handshake;
  client: SessionClient | null = null;
  /** Whether a body is on its way. */
  isPosting = false;
  private readonly polls: PollCarrier;
  private socket: Transport | null = null;
  /** A WebSocket that may take over. */
  private probe: Transport | null = null;
  private isProbed = false;
  private probedBeat = 0;
  private beats = 0;
  private pingedBeat = -1;
  private knownBeat = 0;
  private isOver = false;
  private readonly settings: SessionSettings;
  /** It has been let into a namespace. */
  private wasLetIn = false;
  private readonly events: SessionEvents;

  constructor(
    sid: string,
    handshake: Handshake,
    settings: SessionSettings,
    scheduler: Scheduler,
    events: SessionEvents,
  ) {
    this.sid = sid;
    this.handshake = handshake;
    this.settings = settings;
    this.polls = new PollCarrier(scheduler);
    this.events = events;
  }

  get isOpen(): boolean {
    return !this.isOver;
  }

  get isPolling(): boolean {
    return this.socket === null;
  }

  // To the client

  send(packet: Payload): void {
    if (this.isOver) return;
    if (this.socket === null) this.polls.push(packet);
    else this.socket.send(packet, false);
  }

  cork(work: () => void): void {
    if (this.socket === null) work();
    else this.socket.cork(work);
  }

  buffered(): number {
    return this.socket === null ? this.polls.buffered() : this.socket.buffered();
  }

  /** Its client has been let into a namespace. */
  letIn(): void {
    if (this.wasLetIn || this.isOver) return;
    this.wasLetIn = true;
    this.events.letIn();
  }

  /** Ends it so that its client comes back by itself. */
  close(reason: CloseReason, text: string): void {
    if (this.isOver) return;
    const { socket, probe } = this;
    if (socket === null) {
      this.polls.push(CLOSE);
      this.polls.hurry();
    }
    this.over(GONE);
    socket?.close(reason, text);
    probe?.terminate();
  }

  terminate(): void {
    if (this.isOver) return;
    const { socket, probe } = this;
    this.polls.hurry();
    this.over(GONE);
    socket?.terminate();
    probe?.terminate();
  }

  /** A second has passed in which the event loop was free. */
  beat(): void {
    this.beats += 1;
    const { pingBeats, pongBeats, connectBeats, upgradeBeats } = this.settings;
    if (this.client?.isKnown === true) this.knownBeat = this.beats;
    if (this.beats - this.knownBeat >= connectBeats)
      return this.close('disconnected', `expected a namespace to be asked for within ${connectBeats} s`);
    if (this.probe !== null && this.beats - this.probedBeat >= upgradeBeats) this.probe.terminate();
    if (this.pingedBeat === -1) {
      if (this.beats % pingBeats !== 0) return;
      this.pingedBeat = this.beats;
      this.send(PING);
    } else if (this.beats - this.pingedBeat >= pongBeats)
      this.close('no_heartbeat', `expected the answer to a ping within ${pongBeats} s`);
  }

  // Polling

  poll(answer: (response: HttpResponse) => void): void {
    if (this.polls.isPolled) {
      // The protocol knows one poll at a time: nobody could say which of two is read.
      answer(engineError('badRequest'));
      return this.close('bad_request', 'expected one poll at a time');
    }
    this.polls.poll(answer, this.isProbed);
    this.client?.drained();
  }

  /** The client of the poll that waits has gone. */
  pollEnded(): void {
    this.polls.forget();
    if (this.isPolling) this.terminate();
  }

  /** @returns whether the body is one */
  posted(body: string): boolean {
    const packets = readBody(body);
    if (packets === null) return false;
    for (const { type, data } of packets) {
      if (this.isOver) return true;
      if (type === 'error') return false;
      this.packet(type, data as string | Buffer | undefined);
    }
    return true;
  }

  // WebSocket

  /** A session that begins with a WebSocket. */
  began(transport: Transport, open: string): TransportListener {
    this.socket = transport;
    transport.send(open, false);
    return this.listening();
  }

  /** A WebSocket that wants to take over, as {@link takesUpgrade} allows. */
  upgrading(transport: Transport): TransportListener {
    this.probe = transport;
    this.probedBeat = this.beats;
    return this.listening(transport);
  }

  /** Whether a WebSocket may take over. */
  get takesUpgrade(): boolean {
    return !this.isOver && this.socket === null && this.probe === null;
  }

  /** @param probe the WebSocket, while it has not taken over */
  private listening(probe: Transport | null = null): TransportListener {
    return {
      received: (bytes, isBinary) => {
        if (isBinary) return this.isOver ? undefined : this.client?.binary(bytes.byteLength);
        const text = Buffer.from(bytes).toString('utf8');
        if (probe !== null && this.probe === probe) return this.probing(probe, text);
        const { type, data } = readPacket(text);
        this.packet(type, data as string | undefined);
      },
      oversized: () => this.close('bad_request', 'expected a smaller message: the handshake says maxPayload'),
      pinged: () => {},
      ponged: () => {},
      drained: () => this.client?.drained(),
      closed: (code) => this.socketClosed(probe, code),
    };
  }

  private probing(probe: Transport, text: string): void {
    if (text === '2probe' && !this.isProbed) {
      this.isProbed = true;
      probe.send(PROBE_ANSWER, false);
      // Its poll must end before the client says that it has come over.
      this.polls.hurry();
    } else if (text === '5' && this.isProbed) this.upgraded(probe);
    else probe.terminate();
  }

  private upgraded(probe: Transport): void {
    this.polls.hurry();
    this.probe = null;
    this.isProbed = false;
    this.socket = probe;
    for (const packet of this.polls.take()) probe.send(packet, false);
    if (probe.buffered() === 0) this.client?.drained();
  }

  private socketClosed(probe: Transport | null, code: number): void {
    if (probe !== null && this.probe === probe) {
      this.probe = null;
      this.isProbed = false;
      return;
    }
    this.over(code);
  }

  private packet(type: string, data: string | Buffer | undefined): void {
    const { client } = this;
    if (this.isOver || client === null) return;
    switch (type) {
      case 'message':
        if (typeof data === 'string') client.message(data);
        else client.binary(data?.length ?? 0);
        break;
      case 'pong':
        // Only one that was asked for counts.
        this.pingedBeat = -1;
        client.ponged();
        break;
      case 'close':
        this.polls.hurry();
        this.over(1000);
        break;
      default:
        this.close('bad_request', 'expected a packet of Engine.IO 4');
    }
  }

  private over(code: number): void {
    if (this.isOver) return;
    this.isOver = true;
    const { client } = this;
    this.client = null;
    client?.closed(code);
    this.events.ended(!this.wasLetIn);
  }
}

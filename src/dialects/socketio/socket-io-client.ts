/** A client of Socket.IO 5 (https://github.com/socketio/socket.io-protocol): its namespaces, each a connection of the node. */
import { Decoder, type Packet } from 'socket.io-parser';
import type { Admission } from '../../node/admission.ts';
import { isOfThisNode } from '../../node/admission.ts';
import type { EventTable } from '../../node/event-table.ts';
import type { Node } from '../../node/node.ts';
import type { Principal } from '../../auth/principal.ts';
import { refusal, type Refusal } from '../../protocol/errors.ts';
import type { JsonValue } from '../../protocol/frames.ts';
import { sliceElements } from '../../protocol/json-slice.ts';
import type { Handshake } from '../../node/handshake.ts';
import { connectError } from './connect-errors.ts';
import { MESSAGE } from './engine-packets.ts';
import type { EngineSession, SessionClient } from './engine-session.ts';
import { prefixOf, type EventPackets } from './event-packets.ts';
import type { Recovery } from './first-frames.ts';
import { NamespaceSocket, type Event } from './namespace-socket.ts';
import { readOffset } from './places.ts';

/** What a packet begins with. */
const [CONNECT, DISCONNECT, EVENT, BINARY_EVENT, BINARY_ACK] = ['0', '1', '2', '5', '6'];

/** Namespaces of one session: each is a connection, and counts as one of its user. */
const MAX_NAMESPACES = 8;
/** Refused CONNECTs, and packets for namespaces in which the client is not. */
const UNKNOWN_PACKETS = 64;
/** Of one packet, as in the library's own parser. */
const MAX_ATTACHMENTS = 10;
/** `51-/name,7["event",{"_placeholder":true,"num":0}]` */
const ATTACHMENTS = /^[56](\d{1,3})-(?:\/[^,]{0,255},)?(\d{1,15})?/;
const MAX_PID_LENGTH = 64;

export interface Namespace {
  readonly table: EventTable;
  readonly packets: EventPackets;
}

export interface ClientSettings {
  readonly namespaces: ReadonlyMap<string, Namespace>;
  /** Topics that an offset may name; 0: nothing is recovered. */
  readonly recoveryTopics: number;
}

/** It keeps nothing between two packets, so one serves all clients. Packets with attachments never come to it. */
const decoder = new Decoder();
let decoded: Packet | null = null;
decoder.on('decoded', (packet: Packet) => {
  decoded = packet;
});

export class SocketIoClient implements SessionClient {
  private readonly node: Node;
  private readonly session: EngineSession;
  private readonly settings: ClientSettings;
  private readonly sockets = new Map<string, NamespaceSocket>();
  /** Those that the node is asked about. */
  private readonly asking = new Set<string>();
  private unknownPackets = 0;
  /** Messages of bytes still to come, which belong to a packet that was refused. */
  private attachments = 0;
  private isOver = false;

  constructor(node: Node, session: EngineSession, settings: ClientSettings) {
    this.node = node;
    this.session = session;
    this.settings = settings;
  }

  get isKnown(): boolean {
    return this.sockets.size > 0;
  }

  message(text: string): void {
    const type = text.charAt(0);
    if (type === CONNECT) return this.connecting(text);
    const socket = this.sockets.get(namespaceOf(text));
    if (socket === undefined) return this.unknown();
    if (type === EVENT) return socket.received(text.length, () => this.event(text));
    if (type === BINARY_EVENT || type === BINARY_ACK) return this.withAttachments(socket, text);
    if (type === DISCONNECT) {
      this.sockets.delete(namespaceOf(text));
      return socket.left(1000);
    }
    socket.refuse('expected an event: nothing that the server sends is acknowledged', undefined, text.length);
  }

  binary(size: number): void {
    if (this.attachments === 0) return this.malformed('expected text: no packet announced bytes');
    this.attachments -= 1;
    for (const socket of this.sockets.values()) return socket.drop(size);
  }

  ponged(): void {
    for (const socket of this.sockets.values()) socket.ponged();
  }

  drained(): void {
    for (const socket of this.sockets.values()) socket.drained();
  }

  closed(code: number): void {
    this.isOver = true;
    const sockets = [...this.sockets.values()];
    this.sockets.clear();
    for (const socket of sockets) socket.left(code);
  }

  /** Something of a namespace in which the client is not, as it may be under way when that ends. */
  private unknown(): void {
    this.unknownPackets += 1;
    if (this.unknownPackets > UNKNOWN_PACKETS) this.malformed('expected a CONNECT that lets the client in');
  }

  private malformed(expected: string): void {
    this.session.close('bad_request', expected);
  }

  private event(text: string): Event | string {
    const packet = read(text);
    const [name, ...args] = (packet?.data ?? []) as readonly JsonValue[];
    if (packet === null || typeof name !== 'string') return 'expected an event: its name and arguments as a JSON array';
    const texts = sliceElements(text.slice(jsonAt(text))).slice(1);
    return { name, args, texts, ack: Number.isSafeInteger(packet.id) ? packet.id : undefined };
  }

  /** As many messages of bytes follow as its digits say. */
  private withAttachments(socket: NamespaceSocket, text: string): void {
    const [, digits = '', ack] = ATTACHMENTS.exec(text) ?? [];
    const count = Number(digits);
    if (count < 1 || count > MAX_ATTACHMENTS || this.attachments > 0)
      return this.malformed(`expected a packet of Socket.IO 5 with at most ${MAX_ATTACHMENTS} attachments`);
    this.attachments = count;
    const number = ack === undefined ? undefined : Number(ack);
    socket.refuse('expected JSON: bytes are not taken, send them as text in base64', number, text.length);
  }

  private connecting(text: string): void {
    const packet = read(text);
    if (packet === null) this.malformed('expected a CONNECT of Socket.IO 5');
    else this.connect(packet.nsp, packet.data);
  }

  private connect(namespace: string, data: unknown): void {
    if (this.sockets.has(namespace) || this.asking.has(namespace))
      return this.malformed('expected one CONNECT to a namespace');
    const known = this.settings.namespaces.get(namespace);
    if (known === undefined) return this.refused(namespace, refusal('not_found', 'Invalid namespace'));
    if (this.sockets.size + this.asking.size >= MAX_NAMESPACES)
      return this.refused(namespace, refusal('connection_limit', `expected at most ${MAX_NAMESPACES} namespaces`));
    const auth = (data ?? {}) as Readonly<Record<string, unknown>>;
    this.asking.add(namespace);
    const askedAt = this.node.parts.context.clock.elapsed();
    this.node.admit(handshakeOf(this.session.handshake, auth['token']), (admission) => {
      this.asking.delete(namespace);
      if (this.isOver) return admission.kind === 'accepted' ? admission.abandon() : undefined;
      if (admission.kind === 'refused') return this.refused(namespace, admission.refusal);
      this.admitted(known, admission, { auth, askedAt });
    });
  }

  private admitted(
    known: Namespace,
    admission: Extract<Admission, { kind: 'accepted' }>,
    { auth, askedAt }: { readonly auth: Readonly<Record<string, unknown>>; readonly askedAt: number },
  ): void {
    const { table, packets } = known;
    const { namespace } = table;
    const problem = objection(table, auth, admission.principal);
    if (problem !== null) {
      admission.abandon();
      return this.refused(namespace, refusal('not_allowed', problem));
    }
    const { recoveryTopics } = this.settings;
    const socket = new NamespaceSocket({
      session: this.session,
      table,
      packets,
      pid: recoveryTopics === 0 ? null : this.node.parts.context.random.id(),
      tookMs: () => this.node.parts.context.clock.elapsed() - askedAt,
      mostPlaces: recoveryTopics,
      ended: () => this.sockets.delete(namespace),
    });
    this.sockets.set(namespace, socket);
    this.session.letIn();
    socket.open(admission, recoveryOf(auth, recoveryTopics));
  }

  private refused(namespace: string, problem: Refusal): void {
    // Another node may take it: the client comes back by itself, where a refusal would stop it for good.
    if (isOfThisNode(problem)) return this.session.close('disconnected', problem.message);
    this.unknown();
    this.session.send(`${MESSAGE}4${prefixOf(namespace)}${connectError(problem)}`);
  }
}

function read(text: string): Packet | null {
  decoded = null;
  try {
    decoder.add(text);
  } catch {
    return null;
  }
  return decoded;
}

/** The namespace of a packet, which is looked for before anything of it is read. */
function namespaceOf(text: string): string {
  const at = text.search(/[^0-9-]/);
  if (text.charAt(at) !== '/') return '/';
  const end = text.indexOf(',', at);
  return text.slice(at, end === -1 ? undefined : end);
}

/** Where the arguments of a packet begin: behind its type, namespace and number. */
function jsonAt(text: string): number {
  const from = text.charAt(1) === '/' ? text.indexOf(',') : 0;
  return text.indexOf('[', from);
}

/** The token is in the payload of CONNECT, or where other clients have it. */
function handshakeOf(handshake: Handshake, token: unknown): Handshake {
  if (typeof token !== 'string' || token === '') return handshake;
  const text = token.replace(/^Bearer +/i, '');
  // A text that is no token is a bad token, and not a missing one.
  return { ...handshake, authorization: `Bearer ${/^[\x21-\x7e]+$/.test(text) ? text : 'invalid'}` };
}

function objection(
  { connecting }: EventTable,
  auth: Readonly<Record<string, unknown>>,
  principal: Principal,
): string | null {
  try {
    return connecting?.(auth, principal) ?? null;
  } catch {
    return 'expected another auth payload';
  }
}

function recoveryOf({ pid, offset }: Readonly<Record<string, unknown>>, most: number): Recovery | null {
  if (most === 0 || typeof pid !== 'string' || !/^[\w-]+$/.test(pid) || pid.length > MAX_PID_LENGTH) return null;
  const entries = typeof offset === 'string' ? readOffset(offset, most) : null;
  return entries === null || entries.length === 0 ? null : { pid, entries };
}

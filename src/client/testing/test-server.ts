/**
 * A server in memory that speaks the protocol, on a clock that a test moves, with faults that a test calls for. It keeps
 * the delivery contract and nothing else: no rights, no limits, no mailbox.
 */
import { CLOSE_CODES, type CloseReason } from '../../protocol/close-codes.ts';
import type { Reason } from '../../protocol/errors.ts';
import type { Position } from '../../protocol/position.ts';
import type { ServerData, ServerFrame } from '../../protocol/wire.ts';
import type { Environment, LifecycleEvent } from '../environment.ts';
import { answer, errorFrame, status } from './test-frames.ts';
import { TestPresence } from './test-presence.ts';
import { TestSocket, type ReceivedFrame, type SocketEvents } from './test-socket.ts';
import { TopicLog } from './topic-log.ts';
import { VirtualClock } from './virtual-clock.ts';

export interface TestServerOptions {
  /** One way, in milliseconds: 1. */
  readonly latencyMs?: number;
  /** How long every token is good for; without it, for ever. */
  readonly tokenMs?: number;
  readonly heartbeatMs?: number;
  /** Limits of the greeting: none when it is not given. */
  readonly limits?: Readonly<Record<string, number>>;
  /** At least 0, below 1: what the client draws. 0.5 each time when it is not given. */
  readonly random?: () => number;
  /** Topics that begin with it keep nothing. */
  readonly ephemeral?: string;
  /** What every token subscribes its connection to. */
  readonly given?: readonly string[];
}

interface Connection {
  readonly socket: Pick<TestSocket, 'deliver' | 'end' | 'token'>;
  readonly id: string;
  /** By topic, up to which sequence it was written. */
  readonly topics: Map<string, number>;
  cancel: () => void;
}

interface Fault {
  readonly type: string;
  readonly answer: Reason | 'nothing' | 'unstored';
  readonly retryAfterMs: number | undefined;
  left: number;
}

const PAGE = 100;

export class TestServer implements SocketEvents {
  readonly clock = new VirtualClock();
  /** For `createClient({ environment })`. */
  readonly environment: Environment;
  /** Members of topics; clients of the test are all the user `me`. */
  readonly presence: TestPresence;
  /** As whom every client connects. */
  user = 'me';
  /** Every frame of every client, in order. */
  readonly received: ReceivedFrame[] = [];
  /** Sockets that were ever opened. */
  readonly sockets: TestSocket[] = [];
  private readonly options: TestServerOptions;
  private readonly connections = new Map<TestSocket, Connection>();
  private readonly logs = new Map<string, TopicLog>();
  private readonly keys = new Map<string, { readonly payload: string; readonly data: object }>();
  private readonly rejections = new Map<string, Reason>();
  private readonly faults: Fault[] = [];
  private readonly refusals: { readonly code: CloseReason | 1006; readonly reason: Reason }[] = [];
  private readonly listeners = new Set<(event: LifecycleEvent) => void>();
  private isAway = false;
  private lastId = 0;

  constructor(options: TestServerOptions = {}) {
    this.options = options;
    const { clock } = this;
    const head = (topic: string): Position => this.log(topic).head;
    this.presence = new TestPresence(clock, head, (topic, payload) => {
      this.append(topic, 'Broadcast', { topic, payload, from: '' });
      return head(topic);
    });
    this.environment = {
      now: () => clock.now,
      elapsed: () => clock.elapsed,
      after: (ms, work) => this.timer(ms, work),
      random: options.random ?? (() => 0.5),
      id: () => `client${(this.lastId += 1)}`,
      open: (url, protocols) => {
        const socket = new TestSocket(url, protocols, clock, options.latencyMs ?? 1, this);
        this.sockets.push(socket);
        return socket;
      },
      lifecycle: (listener) => {
        this.listeners.add(listener);
        return () => this.listeners.delete(listener);
      },
    };
  }

  /** Connections that are open now. */
  get open(): number {
    return this.connections.size;
  }

  /** Timers that a client has left behind, or waits for. */
  timers = 0;

  /** Listeners to the page that a client has left behind. */
  get listening(): number {
    return this.listeners.size;
  }

  frames(type: string): ReceivedFrame[] {
    return this.received.filter((frame) => frame.type === type);
  }

  /** The last sequence of a topic. */
  head(topic: string): number {
    return this.log(topic).top;
  }

  // What others do

  /** A message of somebody else. */
  publish(topic: string, payload: unknown, from = 'server'): void {
    this.append(topic, 'Broadcast', { topic, payload, from });
  }

  /** As a backend: every connection is subscribed. */
  give(...topics: string[]): void {
    for (const connection of this.connections.values()) this.subscribe(connection, undefined, topics);
  }

  /** As a backend: every connection's subscription ends. */
  take(...topics: string[]): void {
    for (const { socket, topics: known } of this.connections.values()) {
      for (const topic of topics) known.delete(topic);
      socket.deliver(status('unsubscribed', { topics }));
    }
  }

  /** What happens to the page. */
  page(event: LifecycleEvent): void {
    for (const listener of this.listeners) listener(event);
  }

  // Faults

  /** Every connection ends at once. */
  cut(code = 1006): void {
    for (const { socket } of this.connections.values()) socket.end(code, true);
  }

  /** Every connection is dead, and nobody is told: the next one works. */
  freeze(): void {
    for (const socket of this.connections.keys()) socket.isFrozen = true;
    this.connections.clear();
  }

  /** Nobody gets in, until it is back. */
  away(isAway = true): void {
    this.isAway = isAway;
    if (isAway) this.cut();
  }

  /** The next ones are refused. */
  refuse(code: CloseReason | 1006, reason: Reason, times = 1): void {
    for (let at = 0; at < times; at += 1) this.refusals.push({ code, reason });
  }

  /** Everything works from now on. */
  heal(): void {
    this.isAway = false;
    this.faults.length = 0;
    this.refusals.length = 0;
    this.rejections.clear();
  }

  /** The next frames of this type are refused, or not answered (`nothing`), or neither kept nor answered (`unstored`). */
  fail(type: string, answer: Fault['answer'], times = 1, retryAfterMs?: number): void {
    this.faults.push({ type, answer, retryAfterMs, left: times });
  }

  /** Nobody may subscribe to it; `null` lets them again. */
  reject(topic: string, reason: Reason | null): void {
    if (reason === null) this.rejections.delete(topic);
    else this.rejections.set(topic, reason);
  }

  /** As the node that shuts down: tells everybody when to go, and closes a margin later. */
  drain(reconnectAfterMs: number, marginMs = 1_000): void {
    for (const socket of this.connections.keys()) {
      socket.deliver(status('draining', { reconnect_after_ms: reconnectAfterMs }));
      this.clock.after(reconnectAfterMs + marginMs, () => {
        if (this.connections.has(socket)) socket.end(CLOSE_CODES.draining.code);
      });
    }
  }

  /** The log keeps only the last so many. */
  trim(topic: string, keep = 0): void {
    this.log(topic).trim(keep);
  }

  /** The log is gone and begins anew. */
  loseHistory(topic: string): void {
    const log = this.log(topic);
    log.trim(0);
    log.top = 0;
    this.lastId += 1;
    log.epoch = `epoch${this.lastId}`;
  }

  /** A hole that nobody announces: what a server must never do. */
  skip(topic: string): void {
    for (const { topics } of this.connections.values())
      if (topics.has(topic)) topics.set(topic, (topics.get(topic) ?? 0) + 1);
    this.log(topic).append(this.frame(topic, 'Broadcast', { topic, payload: 'skipped', from: 'server' }));
  }

  notify(level: string, message: string): void {
    for (const { socket } of this.connections.values())
      socket.deliver({ type: 'SystemNotification', data: { level, message } as unknown as ServerData });
  }

  // From the sockets

  opened(socket: TestSocket): void {
    if (this.isAway) return socket.end(1006);
    const refusal = this.refusals.shift();
    if (refusal !== undefined) {
      socket.deliver(errorFrame(refusal.reason));
      return socket.end(refusal.code === 1006 ? 1006 : CLOSE_CODES[refusal.code].code);
    }
    this.lastId += 1;
    const connection: Connection = { socket, id: `connection${this.lastId}`, topics: new Map(), cancel: () => {} };
    this.connections.set(socket, connection);
    const expiresAt = this.admit(connection);
    const { heartbeatMs = 20_000, limits = {} } = this.options;
    socket.deliver(
      status('connected', {
        connection_id: connection.id,
        session_id: connection.id,
        user: this.user,
        node: 'test',
        server_time: this.clock.now,
        mode: 'running',
        heartbeat_interval_ms: heartbeatMs,
        max_message_size: 65_536,
        token_expires_at: expiresAt,
        limits,
        features: ['presence'],
      }),
    );
    this.beat(connection, heartbeatMs);
    if (this.options.given !== undefined) this.subscribe(connection, undefined, this.options.given);
  }

  read(socket: TestSocket, frame: ReceivedFrame): void {
    this.received.push(frame);
    const connection = this.connections.get(socket);
    if (connection === undefined) return;
    const fault = this.faults.find(({ type, left }) => type === frame.type && left > 0);
    if (fault === undefined) return this.handle(connection, frame);
    fault.left -= 1;
    if (fault.answer === 'nothing') this.handle({ ...connection, socket: DEAF }, frame);
    else if (fault.answer !== 'unstored') socket.deliver(errorFrame(fault.answer, frame.id, fault.retryAfterMs));
  }

  closed(socket: TestSocket): void {
    const connection = this.connections.get(socket);
    connection?.cancel();
    if (connection !== undefined) this.presence.closed(connection.id);
    this.connections.delete(socket);
  }

  private timer(ms: number, work: () => void): () => void {
    let isOver = false;
    const over = (): void => {
      if (!isOver) this.timers -= 1;
      isOver = true;
    };
    this.timers += 1;
    const cancel = this.clock.after(ms, () => {
      over();
      work();
    });
    return () => {
      over();
      cancel();
    };
  }

  /** @returns when the token ends */
  private admit(connection: Connection): number | null {
    const { tokenMs } = this.options;
    connection.cancel();
    if (tokenMs === undefined) return null;
    const expiresAt = this.clock.now + tokenMs;
    const warning = { status: 'token_expiring', expires_at: expiresAt, refresh_required: true };
    const ends = [
      this.clock.after(tokenMs * 0.8, () =>
        connection.socket.deliver({ type: 'AuthStatus', data: warning as unknown as ServerData }),
      ),
      this.clock.after(tokenMs, () => connection.socket.end(CLOSE_CODES.token_expired.code)),
    ];
    connection.cancel = () => {
      for (const end of ends) end();
    };
    return expiresAt;
  }

  private beat(connection: Connection, heartbeatMs: number): void {
    this.clock.after(heartbeatMs, () => {
      if (![...this.connections.values()].includes(connection)) return;
      connection.socket.deliver({ type: 'Ping', data: {} as ServerData });
      this.beat(connection, heartbeatMs);
    });
  }

  private handle(connection: Connection, { type, id, data }: ReceivedFrame): void {
    const { socket, topics } = connection;
    if (type === 'Ping') socket.deliver(answer(id, { type: 'Pong', data: {} as ServerData }));
    else if (type === 'Subscribe') this.subscribe(connection, id, data['topics'] as unknown[]);
    else if (type === 'Unsubscribe') {
      const names = data['topics'] as string[];
      for (const name of names) topics.delete(name);
      socket.deliver(answer(id, status('unsubscribed', { topics: names })));
    } else if (type === 'Broadcast' || type === 'DirectMessage') this.accept(connection, type, id, data);
    else if (type === 'History') this.history(connection, id, data);
    else if (type === 'Authenticate')
      socket.deliver(answer(id, status('authenticated', { expires_at: this.admit(connection), unsubscribed: [] })));
    else if (type === 'Presence' || type === 'PresenceGet') {
      const details = this.presence.answer(type, connection.id, data);
      socket.deliver(details === null ? errorFrame('not_found', id) : answer(id, status('presence', details)));
    } else socket.deliver(errorFrame('unknown_type', id));
  }

  private subscribe(connection: Connection, id: string | undefined, wanted: readonly unknown[]): void {
    const positions: Record<string, Position> = {};
    const recovery: Record<string, object> = {};
    const rejected: object[] = [];
    const names: string[] = [];
    const gaps: ServerFrame[] = [];
    for (const entry of wanted) {
      const { topic, epoch, sequence, from } = (typeof entry === 'string' ? { topic: entry } : entry) as Partial<
        Position & { topic: string; from: string }
      >;
      const name = String(topic);
      const reason = this.rejections.get(name);
      if (reason !== undefined) {
        rejected.push({ ...errorFrame(reason).data, topic: name });
        continue;
      }
      names.push(name);
      const log = this.log(name);
      const isLost = epoch !== undefined && (epoch !== log.epoch || Number(sequence) > log.top);
      const start = from === 'earliest' ? log.first - 1 : sequence === undefined || isLost ? log.top : sequence;
      connection.topics.set(name, start);
      if (this.isEphemeral(name)) continue;
      positions[name] = { epoch: log.epoch, sequence: start };
      if (isLost)
        gaps.push({ type: 'Gap', data: { topic: name, cause: 'history_lost', ...log.head } as unknown as ServerData });
      if (sequence !== undefined || from !== undefined)
        recovery[name] = isLost
          ? { recovered: false, missed: 0, reason: 'unknown_epoch' }
          : log.first <= start + 1
            ? { recovered: true, missed: log.top - start }
            : { recovered: false, missed: log.top - start, reason: 'trimmed' };
    }
    connection.socket.deliver(answer(id, status('subscribed', { topics: names, positions, recovery, rejected })));
    for (const gap of gaps) connection.socket.deliver(gap);
    for (const name of names) this.flush(connection, name, true);
  }

  private accept(
    connection: Connection,
    type: 'Broadcast' | 'DirectMessage',
    id: string | undefined,
    data: ReceivedFrame['data'],
  ): void {
    const topic = type === 'Broadcast' ? String(data['topic']) : '@me';
    const { payload, idempotency_key: key } = data;
    const place = `${topic} ${String(key)}`;
    const text = JSON.stringify(payload);
    const known = this.keys.get(place);
    if (known !== undefined && known.payload !== text) {
      connection.socket.deliver(errorFrame('idempotency_conflict', id));
      return;
    }
    const receipt = known?.data ?? this.append(topic, type, { topic, payload, from: 'me', client_id: id });
    this.keys.set(place, { payload: text, data: receipt });
    const ack = { ...receipt, status: known === undefined ? 'delivered' : 'duplicate', recipients: 1 };
    connection.socket.deliver(answer(id, { type: 'Ack', data: ack as unknown as ServerData }));
  }

  private history(connection: Connection, id: string | undefined, data: ReceivedFrame['data']): void {
    const { topic, since, before, limit, reverse } = data as Record<string, unknown> & {
      topic: string;
      limit: number;
      since?: Position;
      before?: Position;
    };
    if (this.isEphemeral(topic)) return connection.socket.deliver(errorFrame('no_history', id));
    // Reading does not begin a topic; it has no epoch yet.
    const log = this.logs.get(topic) ?? new TopicLog(topic, '');
    const isLost = since !== undefined && since.epoch !== log.epoch;
    const found = log.entries.filter(
      ({ sequence }) => sequence > (isLost ? 0 : (since?.sequence ?? 0)) && sequence < (before?.sequence ?? Infinity),
    );
    const page = (reverse === true ? found.toReversed() : found).slice(0, Math.min(limit, PAGE));
    const last = page.at(-1);
    const more = found.length > page.length && last !== undefined;
    connection.socket.deliver(
      answer(
        id,
        status('history', {
          topic,
          messages: page.map(({ frame }) => frame),
          complete: !isLost && (since === undefined || log.first <= since.sequence + 1),
          ...(isLost ? { reason: 'history_lost' } : {}),
          position: log.head,
          ...(more ? { next: { epoch: log.epoch, sequence: last.sequence } } : {}),
        }),
      ),
    );
  }

  private append(topic: string, type: string, data: object): object {
    const log = this.log(topic);
    const frame = this.frame(topic, type, data);
    if (this.isEphemeral(topic)) {
      for (const { socket, topics } of this.connections.values()) if (topics.has(topic)) socket.deliver(frame);
      return { topic };
    }
    log.append(frame);
    for (const connection of this.connections.values()) this.flush(connection, topic, false);
    return { id: frame.id, topic, ...log.head };
  }

  private frame(topic: string, type: string, data: object): ServerFrame {
    const log = this.log(topic);
    const timestamp = this.clock.now;
    if (this.isEphemeral(topic)) return { type, timestamp, data: data as ServerData };
    const sequence = log.top + 1;
    return {
      type,
      id: `${timestamp}-${sequence}-abcdef`,
      timestamp,
      data: { ...data, epoch: log.epoch, sequence } as ServerData,
    };
  }

  /** Messages that the connection has not had yet, and a Gap in the place of what the log does not hold any more. */
  private flush({ socket, topics }: Connection, topic: string, replayed: boolean): void {
    const written = topics.get(topic);
    const log = this.log(topic);
    if (written === undefined || written >= log.top) return;
    topics.set(topic, log.top);
    if (log.first > written + 1) {
      const to = log.first - 1;
      const gap = { topic, cause: 'trimmed', epoch: log.epoch, from: written + 1, to, count: to - written };
      socket.deliver({ type: 'Gap', data: gap as unknown as ServerData });
    }
    const frames = log.after(written);
    if (frames.length > 0)
      socket.deliver(replayed ? frames.map((frame) => ({ ...frame, data: { ...frame.data, replayed } })) : frames);
  }

  private isEphemeral(topic: string): boolean {
    return this.options.ephemeral !== undefined && topic.startsWith(this.options.ephemeral);
  }

  private log(topic: string): TopicLog {
    let log = this.logs.get(topic);
    if (log === undefined) {
      this.lastId += 1;
      log = new TopicLog(topic, `epoch${this.lastId}`);
      this.logs.set(topic, log);
    }
    return log;
  }
}

/** Hears no answer. */
const DEAF: Connection['socket'] = { token: undefined, deliver: () => {}, end: () => {} };

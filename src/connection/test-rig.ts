/** Connections on virtual time over simulated sockets, with the real router, flusher and memory broker behind them. */
import { DeadLetters } from '../actor/dead-letters.ts';
import { Supervisor, type Alert } from '../actor/supervisor.ts';
import type { Principal } from '../auth/principal.ts';
import { Rights, type Action } from '../auth/rights.ts';
import type { Retention, RetentionRule } from '../broker/retention.ts';
import type { Rate } from '../limits/token-bucket.ts';
import type { Format } from '../protocol/codec.ts';
import { codecNamed, DEFAULT_CODEC } from '../protocol/codecs.ts';
import { refusal, isRefusal, type Denial, type Refusal } from '../protocol/errors.ts';
import type { Position } from '../protocol/position.ts';
import type { Topic } from '../protocol/topic.ts';
import { unaccounted } from '../router/audit.ts';
import { Decisions } from '../service/decisions.ts';
import type { Conflation } from '../router/newest-by-key.ts';
import type { Router } from '../router/router.ts';
import type { Session, SessionStore } from '../session/session-store.ts';
import { SeededRandom } from '../simulation/seeded-random.ts';
import { VirtualClock } from '../simulation/virtual-clock.ts';
import { REAL_PARTS } from '../simulation/world.ts';
import { Counters } from '../telemetry/counters.ts';
import { silentLog } from '../telemetry/log.ts';
import type { TraceLimits } from '../telemetry/message-trace.ts';
import type { Backlog } from './backlog.ts';
import { buildContext, type ContextPorts, type ContextSettings } from './build-context.ts';
import { Connection } from './connection.ts';
import type { ConnectionContext, ConnectionLimits, FrameHandler } from './context.ts';
import { beat } from './liveness.ts';
import { HeldBroker } from './test-rig-broker.ts';
import { TestClient } from './test-rig-client.ts';

/** Silence after which a topic that only patterns bring is let go of. */
export const REST_SECS = 600;

export interface RigOptions {
  readonly limits?: Partial<ConnectionLimits>;
  /** What logs keep; `typing.**` is ephemeral in any case. */
  readonly keep?: Partial<Retention>;
  readonly rules?: readonly RetentionRule[];
  readonly maxTopics?: number;
  /** Messages of a topic's tail on the node. */
  readonly tail?: number;
  /** How long publications wait for others, in ms. */
  readonly coalesceMs?: number;
  /** Bytes of all mailboxes together. */
  readonly totalBytes?: number;
  readonly inboxCapacity?: number;
  /** Of all connections of a user together, and of the node. */
  readonly userRate?: Rate;
  readonly nodeRate?: Rate;
  readonly frameHandlers?: ReadonlyMap<string, FrameHandler>;
  /** The field by which `typing.**` is conflated, and so many keys of each topic. */
  readonly conflate?: { readonly field: string; readonly keys?: number };
  /** What the message trace keeps. */
  readonly trace?: TraceLimits;
}

export interface ClientOptions {
  readonly format?: Format;
  readonly batching?: boolean;
  readonly framePings?: boolean;
  /** Bytes that the network takes while the client does not read. */
  readonly kernelBytes?: number;
  readonly principal?: Partial<Principal>;
}

const PLENTY: Retention = { messages: 1_000, ageMs: 3_600_000, bytes: 10_000_000 };
const UNLIMITED = { perSecond: 1e9, burst: 1e9 };
const MAX_TURNS = 100_000;

const LIMITS: ConnectionLimits = {
  mailboxCapacity: 100,
  mailboxBytes: 1_000_000,
  controlCapacity: 100,
  controlBytes: 100_000,
  pageMessages: 100,
  pageBytes: 256 * 1_024,
  maxMessageSize: 65_536,
  idempotencyWindowMs: 300_000,
  maxSubscriptions: 50,
  maxMatchedTopics: 200,
  heartbeatBeats: 25,
  clientTimeoutBeats: 60,
  streamHeartbeatBeats: 15,
  streamBeats: 900,
  stallTimeoutBeats: 60,
  closeTimeoutBeats: 5,
  leewayMs: 0,
  limitRates: true,
  decisionTimeoutMs: 2_000,
  connectionRate: UNLIMITED,
};

/** Everything is allowed but `secret.**`, and asking about some topics throws. */
class TestRights extends Rights {
  readonly throwOn = new Set<string>();

  constructor() {
    super({
      rules: [{ pattern: 'secret.**', subscribe: ['admin'], publish: ['admin'] }],
      fallback: { subscribe: ['user'], publish: ['user'] },
      direct: ['user'],
    });
  }

  override denial(principal: Principal, action: Action, name: string): Denial | null {
    if (this.throwOn.has(name)) throw new Error(`a planted fault about ${name}`);
    return super.denial(principal, action, name);
  }
}

class TestSessions implements SessionStore {
  readonly outlivesNode = false;
  readonly renewAfterBeats = 0;
  readonly saved = new Map<string, Session>();
  /** Holds answers back until {@link letGo}. */
  isHeld = false;
  private readonly held: (() => void)[] = [];

  save(session: Session): void {
    this.saved.set(session.id, session);
  }

  load(id: string, reply: (answer: Session | null) => void): void {
    if (this.isHeld) this.held.push(() => reply(this.saved.get(id) ?? null));
    else reply(this.saved.get(id) ?? null);
  }

  letGo(): void {
    this.isHeld = false;
    for (const work of this.held.splice(0)) work();
  }
}

function conflationOf({ conflate }: RigOptions): Conflation | undefined {
  if (conflate === undefined) return undefined;
  const limits = { messages: conflate.keys ?? 100, bytes: 1_000_000, totalBytes: 1_000_000 };
  return { keyOf: (topic) => (topic.startsWith('typing.') ? conflate.field : undefined), limits };
}

export class TestRig {
  readonly clock = new VirtualClock();
  readonly counters = new Counters();
  readonly deadLetters = new DeadLetters(100);
  readonly alerts: Alert[] = [];
  readonly rights = new TestRights();
  readonly decisions: Decisions;
  readonly sessions = new TestSessions();
  readonly node = { name: 'rig', instance: 'i', sessionKey: 'key', mode: 'running', isReadOnly: false, beat: 0 };
  readonly broker: HeldBroker;
  readonly router: Router;
  readonly backlog: Backlog;
  readonly context: ConnectionContext;
  readonly connections: Connection[] = [];
  /** What a token says, for `Authenticate`; others are refused. A principal that throws is a fault. */
  readonly tokens = new Map<string, Principal | Refusal | Error>();
  readonly forget: (topic: Topic) => void;
  private readonly sweep: () => void;
  private published = 0;
  private lastNumber = 0;

  constructor(options: RigOptions = {}) {
    const { clock, counters } = this;
    const random = new SeededRandom(1);
    const limits = { ...LIMITS, ...options.limits };
    const decisions = { timeoutMs: limits.decisionTimeoutMs, ageMs: 60_000, capacity: 1_000 };
    this.decisions = new Decisions(decisions, this.rights, clock, clock);
    const ephemeral = { ...PLENTY, pattern: 'typing.**', messages: 0 };
    const keep = { ...PLENTY, ...options.keep };
    const memory = REAL_PARTS.broker(
      {
        retention: { rules: [...(options.rules ?? []), ephemeral], fallback: keep, direct: keep },
        maxTopics: options.maxTopics ?? 1_000,
        maxBytes: 100_000_000,
        idempotencyWindowMs: 300_000,
        idempotencyKeys: 1_000,
        forgetAfterMs: 3_600_000,
      },
      clock,
      random,
    );
    this.forget = (topic) => memory.forget(topic);
    this.broker = new HeldBroker(memory);
    const tail = { messages: options.tail ?? 1_000, bytes: 10_000_000, totalBytes: 100_000_000 };
    const settings: ContextSettings = {
      flushing: { sliceMs: 5, readSliceMs: 5, stride: 32, coalesceMs: options.coalesceMs ?? 0 },
      routing: {
        tail,
        lingerMs: 60_000,
        restMs: REST_SECS * 1_000,
        trace: options.trace,
        conflation: conflationOf(options),
      },
      mailboxesBytes: options.totalBytes ?? 1_000_000_000,
      userRate: options.userRate ?? UNLIMITED,
      connectionsPerUser: 100,
      nodeRate: options.nodeRate ?? UNLIMITED,
    };
    const ports: ContextPorts = {
      clock,
      random,
      scheduler: clock,
      supervisor: new Supervisor(clock, clock, this.deadLetters, {
        wentOn: () => {},
        alert: (alert) => this.alerts.push(alert),
      }),
      log: silentLog,
      frameLog: silentLog,
      counters,
      broker: this.broker,
      deadLetters: this.deadLetters,
      policy: {
        inbox: { capacity: options.inboxCapacity ?? 100, bytes: 1_000_000 },
        maxFailures: 5,
        windowMs: 60_000,
        atLimit: 'stop',
      },
      sessions: this.sessions,
      authorizer: this.decisions,
      owners: null,
      presence: null,
      events: null,
      limits,
      frameHandlers: options.frameHandlers ?? new Map(),
      node: this.node,
      revoked: () => null,
      verify: (token, reply) => {
        const answer = this.tokens.get(token) ?? refusal('token_invalid', 'not a token');
        if (answer instanceof Error) throw answer;
        reply(answer);
      },
      liveSession: (id) => this.connections.find(({ isOpen, sessionId }) => isOpen && sessionId === id),
      ended: (connection) => this.connections.splice(this.connections.indexOf(connection), 1),
    };
    this.context = buildContext(ports, settings, silentLog);
    this.router = this.context.router;
    this.backlog = this.context.backlog;
    this.sweep = () => {
      this.router.beat();
      memory.sweep();
      this.router.sweep();
    };
    void this.broker.start(this.router);
  }

  connect(user = 'ada', options: ClientOptions = {}): TestClient {
    const principal = this.principal(user, options.principal);
    const usage = this.context.users.enter(principal);
    if (usage === null) throw new Error(`${user} has too many connections`);
    const { format = 'json', batching = false, framePings = false } = options;
    this.lastNumber += 1;
    const codec = codecNamed(format) ?? DEFAULT_CODEC;
    const agreement = { principal, usage, codec, batching, framePings, address: '192.0.2.1' };
    const connection = new Connection(this.lastNumber, agreement, this.context);
    this.connections.push(connection);
    return new TestClient(connection, options.kernelBytes ?? 0, () => this.settle());
  }

  principal(user: string, claims: Partial<Principal> = {}): Principal {
    const unlimited = { topics: null, tokenId: undefined, issuedAt: 0, expiresAt: Infinity };
    return { tenant: '', user, roles: ['user'], ...unlimited, ...claims };
  }

  /** Publishes so many messages from outside, each in a turn of its own. Payloads are 1, 2, 3 … over all topics. */
  publish(topic: Topic, count = 1, payload?: string): void {
    for (let at = 0; at < count; at += 1) {
      this.published += 1;
      this.store(topic, payload ?? String(this.published));
      this.settle();
    }
  }

  /** Publishes so many messages in one turn. */
  publishAtOnce(topic: Topic, count: number, payload = '1'): void {
    for (let at = 0; at < count; at += 1) this.store(topic, payload);
    this.settle();
  }

  /** Where a topic stands, without opening it. */
  position(topic: Topic): Position {
    let position: Position | null = null;
    this.broker.inner.read(topic, { after: 'earliest', limit: 0, maxBytes: 0 }, (answer) => {
      if ('epoch' in answer) position = { epoch: answer.epoch, sequence: answer.top };
    });
    if (position === null) throw new Error(`${topic} has no log`);
    return position;
  }

  /** Ends turns until nothing is left to do. */
  settle(): void {
    for (let turns = 0; this.clock.hasTurn; turns += 1) {
      if (turns > MAX_TURNS) throw new Error('the node does not come to rest');
      this.clock.endTurn();
    }
  }

  /** Lets seconds pass, with a beat each. */
  pass(seconds: number, each: () => void = () => {}): void {
    for (let at = 0; at < seconds; at += 1) {
      this.clock.advance(1_000);
      this.node.beat += 1;
      for (const connection of this.connections.toReversed()) beat(connection);
      this.sweep();
      this.settle();
      each();
    }
  }

  /** Publications that the books cannot explain, dead subscriptions included; must be 0. */
  unaccounted(): number {
    return this.connections
      .flatMap(({ subscriptions }) => subscriptions)
      .reduce((sum, subscription) => sum + unaccounted(subscription), this.counters.unaccounted);
  }

  /** Publishes a message and leaves the turn as it is. */
  store(topic: Topic, payload: string): void {
    const draft = { payload, from: 'publisher', clientId: undefined, trace: undefined, idempotencyKey: undefined };
    this.broker.inner.publish(topic, draft, (answer) => {
      if (isRefusal(answer)) throw new Error(answer.message);
    });
  }
}

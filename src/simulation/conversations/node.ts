/** A node with the real core, the real distributed broker and the application of conversations, which can be killed. */
import { DeadLetters } from '../../actor/dead-letters.ts';
import { Supervisor } from '../../actor/supervisor.ts';
import { AppEvents } from '../../apps/app-events.ts';
import { app } from '../../apps/conversations/app.ts';
import { settings } from '../../apps/conversations/settings.ts';
import { startApps } from '../../apps/run.ts';
import { Rights } from '../../auth/rights.ts';
import { DistributedBroker } from '../../broker/distributed.ts';
import { buildContext } from '../../connection/build-context.ts';
import type { ConnectionContext, FrameHandler } from '../../connection/context.ts';
import type { ControlBus } from '../../control/command.ts';
import { ApplicationDatabase } from '../../database/database.ts';
import type { DatabaseDriver } from '../../database/driver.ts';
import { DatabaseLink } from '../../database/link.ts';
import { KeyedBuckets } from '../../limits/keyed-buckets.ts';
import { NodeMode } from '../../node/mode.ts';
import { Node } from '../../node/node.ts';
import { Origins } from '../../node/origins.ts';
import { Decisions } from '../../service/decisions.ts';
import { registerOwners } from '../../service/register-owners.ts';
import { MemorySessionStore } from '../../session/memory.ts';
import { Counters } from '../../telemetry/counters.ts';
import { silentLog } from '../../telemetry/log.ts';
import { z } from 'zod';
import { DECISIONS } from '../conditions.ts';
import type { SeededRandom } from '../seeded-random.ts';
import { simulatedAuthenticator } from '../simulated-auth.ts';
import { SimulatedDatabase } from '../simulated-database.ts';
import type { SimulatedLink } from '../simulated-link.ts';
import { SimulatedLogs } from '../simulated-logs.ts';
import type { SimulatedRedis } from '../simulated-redis.ts';
import type { VirtualClock } from '../virtual-clock.ts';
import { MortalClock } from './mortal-clock.ts';

const RATE = { perSecond: 1e9, burst: 1e9 };
/** So few that much of what is read comes from the table. */
const KEPT = 8;
const RETENTION = { messages: KEPT, ageMs: 60_000, bytes: 100_000 };
const TAIL = { messages: 6, bytes: 100_000, totalBytes: 1_000_000 };
const LIMITS: ConnectionContext['limits'] = {
  mailboxCapacity: 20,
  mailboxBytes: 100_000,
  controlCapacity: 100,
  controlBytes: 100_000,
  pageMessages: 5,
  pageBytes: 100_000,
  maxMessageSize: 10_000,
  idempotencyWindowMs: 60_000,
  maxSubscriptions: 20,
  maxMatchedTopics: 100,
  heartbeatBeats: 1_000,
  clientTimeoutBeats: 3_000,
  streamHeartbeatBeats: 4,
  streamBeats: 900,
  stallTimeoutBeats: 60,
  closeTimeoutBeats: 2,
  leewayMs: 0,
  limitRates: false,
  decisionTimeoutMs: 5_000,
  connectionRate: RATE,
};

export interface Shared {
  readonly clock: VirtualClock;
  readonly random: SeededRandom;
  readonly redis: SimulatedRedis;
  readonly tables: DatabaseDriver;
}

export class ConversationsNode {
  readonly name: string;
  readonly logs: SimulatedLogs;
  readonly database: SimulatedDatabase;
  readonly links = new Set<SimulatedLink>();
  /** The first failure of an actor. */
  failure: string | null = null;
  private readonly clock: MortalClock;
  private readonly node: Node;
  private readonly frames = new Map<string, FrameHandler>();
  private readonly context: ConnectionContext;
  private readonly mode: NodeMode;
  private readonly link: DatabaseLink;

  constructor(name: string, shared: Shared) {
    this.name = name;
    const { random } = shared;
    const clock = new MortalClock(shared.clock);
    this.clock = clock;
    this.logs = new SimulatedLogs(shared.redis);
    this.database = new SimulatedDatabase(shared.tables, clock);
    this.link = new DatabaseLink(this.database, { clock, scheduler: clock, log: silentLog, prepare: async () => [] });
    const broker = new DistributedBroker(
      {
        retention: {
          fallback: RETENTION,
          direct: RETENTION,
          rules: [{ pattern: 'typing.**', ...RETENTION, messages: 0 }],
        },
        append: { pendingMessages: 100, pendingBytes: 100_000 },
        reads: { atOnce: 2, waiting: 1_000 },
        tail: TAIL,
        silenceMs: 4_000,
        restMs: 60_000,
        topicTtlMs: 600_000,
      },
      this.logs,
      clock,
      clock,
    );
    const noted = (error: string): void => void (this.failure ??= error);
    const supervisor = new Supervisor(clock, clock, new DeadLetters(10), {
      wentOn: (_, error) => noted(error),
      alert: ({ error }) => noted(error),
    });
    this.mode = new NodeMode(name, random.id(), 'key', () => {});
    const authenticator = simulatedAuthenticator(clock);
    const rights = new Rights({
      rules: [],
      fallback: { subscribe: ['user'], publish: ['user'] },
      direct: ['user'],
    });
    this.context = buildContext(
      {
        clock,
        random,
        scheduler: clock,
        supervisor,
        log: silentLog,
        frameLog: silentLog,
        counters: new Counters(),
        broker,
        deadLetters: new DeadLetters(10),
        policy: { inbox: { capacity: 20, bytes: 100_000 }, maxFailures: 100, windowMs: 1e9, atLimit: 'stop' },
        sessions: new MemorySessionStore(60_000, 10, clock),
        authorizer: new Decisions(DECISIONS, rights, clock, clock),
        owners: null,
        presence: null,
        events: null,
        limits: LIMITS,
        frameHandlers: this.frames,
        node: this.mode,
        revoked: (principal) => authenticator.problem(principal),
        verify: (token, reply) => authenticator.verify(token, reply),
        liveSession: (id) => this.node.bySession(id),
        ended: (connection) => this.node.forget(connection),
      },
      {
        flushing: { sliceMs: 0, readSliceMs: 0, stride: 1, coalesceMs: 0 },
        routing: { tail: TAIL, lingerMs: 20_000, restMs: 60_000, trace: undefined, conflation: undefined },
        mailboxesBytes: 1_000_000,
        userRate: RATE,
        connectionsPerUser: 100,
        nodeRate: RATE,
      },
      silentLog,
    );
    this.node = new Node(
      { maxConnections: 100, acceptsPerSecond: 1e9, trustedProxies: [], queryToken: true },
      {
        context: this.context,
        mode: this.mode,
        authenticator,
        origins: new Origins({ allowed: [], isTold: false }, clock, silentLog),
        failures: new KeyedBuckets(RATE, 10),
      },
    );
    void broker.start(this.context.router);
  }

  get isAlive(): boolean {
    return !this.clock.isDead;
  }

  async start(): Promise<void> {
    const { context, clock, frames } = this;
    const database = new ApplicationDatabase('conversations', this.link, clock);
    // Not awaited: without the database it takes its time.
    void this.link.start();
    const running = await startApps(
      [{ app, origin: 'the simulation', settings: settings(z).parse({}), keys: [], section: {} }],
      {
        node: this.name,
        context,
        random: context.random,
        bus: NO_BUS,
        shared: null,
        presence: null,
        database: () => database,
        queue: () => {
          throw new Error('expected no application to want a queue');
        },
        events: new AppEvents(5_000),
        tokenIssuer: () => {
          throw new Error('expected no application to want tokens');
        },
        fate: () => {
          throw new Error('expected no application to look for a message');
        },
        addMetric: () => {},
        alert: () => {},
        counters: context.counters,
        deadLetters: context.deadLetters,
        log: () => silentLog,
        limits: { deadlineMs: 5_000, decisionTimeoutMs: 5_000, blockingMs: 1e9 },
        routes: [],
      },
    );
    for (const [type, handler] of running.frames) frames.set(type, handler);
    if (running.owners !== null) registerOwners(context, running.owners);
    clock.every(1_000, () => {
      this.node.beat();
      context.router.beat();
    });
    this.mode.send({ type: 'STARTED' });
  }

  /** @returns whether the client is in */
  admit(link: SimulatedLink, token: string): boolean {
    let isIn = false;
    this.node.admit({ ...HANDSHAKE, authorization: `Bearer ${token}` }, (admission) => {
      if (admission.kind !== 'accepted') return;
      isIn = true;
      this.links.add(link);
      link.listener = admission.open(link);
    });
    return isIn;
  }

  /** As by SIGKILL. @param arriving calls on their way to the log that still reach it */
  kill(arriving: number): void {
    this.clock.isDead = true;
    this.database.kill();
    for (let at = 0; at < arriving; at += 1) this.logs.work(0);
    for (const link of this.links) {
      // The node does not hear of it.
      link.listener = null;
      link.break();
    }
  }
}

/** Nodes of these worlds tell each other nothing: what nobody hears of in time has to hold all the same. */
const NO_BUS: ControlBus = {
  start: () => Promise.resolve(),
  send: () => Promise.resolve([]),
  tell: () => {},
  members: () => Promise.resolve([]),
  departed: () => Promise.resolve([]),
  stop: () => Promise.resolve(),
};

const HANDSHAKE = {
  upgrade: 'websocket',
  connection: 'Upgrade',
  version: '13',
  key: 'AAAAAAAAAAAAAAAAAAAAAA==',
  protocol: '',
  contentLength: '',
  transferEncoding: '',
  origin: '',
  authorization: '',
  host: '',
  forwardedFor: '',
  repeated: '',
  query: 'format=json',
  peer: '127.0.0.1',
};

/** One small world: a node with the real core, clients that check it, and faults, all drawn from a seed. */
import { DeadLetters } from '../actor/dead-letters.ts';
import { Supervisor } from '../actor/supervisor.ts';
import { MemoryBroker } from '../broker/memory.ts';
import { DistributedBroker } from '../broker/distributed.ts';
import {
  buildContext,
  CONTEXT_PARTS,
  type ContextParts,
  type ContextPorts,
  type ContextSettings,
} from '../connection/build-context.ts';
import type { Connection } from '../connection/connection.ts';
import type { Flusher } from '../connection/flusher.ts';
import { KeyedBuckets } from '../limits/keyed-buckets.ts';
import { changeRights, touchedBy } from '../node/change-rights.ts';
import type { Handshake } from '../node/handshake.ts';
import { NodeMode } from '../node/mode.ts';
import { Node } from '../node/node.ts';
import { Origins } from '../node/origins.ts';
import { Pulse } from '../node/pulse.ts';
import type { Payload } from '../protocol/codec.ts';
import type { Conflation } from '../router/newest-by-key.ts';
import type { Router } from '../router/router.ts';
import { Decisions } from '../service/decisions.ts';
import { registerOwners } from '../service/register-owners.ts';
import { MemorySessionStore } from '../session/memory.ts';
import { Counters } from '../telemetry/counters.ts';
import { silentLog } from '../telemetry/log.ts';
import { CONFLATED, CONFLATION_FIELD } from './conflated-reader.ts';
import { DECISIONS, drawConditions, limitsOf, USUAL, type Conditions, type WorldOptions } from './conditions.ts';
import { FaultyRights, PLANTED_FAULT } from './faulty-rights.ts';
import { Ledger } from './ledger.ts';
import { SeededRandom } from './seeded-random.ts';
import { simulatedAuthenticator } from './simulated-auth.ts';
import { SimulatedBroker } from './simulated-broker.ts';
import { SimulatedRedisBroker, type MakeDistributedBroker } from './simulated-redis-broker.ts';
import { SimulatedClient } from './simulated-client.ts';
import { drawOwner, OWNED, SimulatedOwner } from './simulated-owner.ts';
import { SimulatedTable } from './simulated-table.ts';
import { SimulatedLink } from './simulated-link.ts';
import { tokenOf } from './simulated-token.ts';
import { drawTraced, type Traced } from './traced.ts';
import { promise, Violation } from './violation.ts';
import { VirtualClock } from './virtual-clock.ts';
import type { WorldBroker } from './world-broker.ts';

/** The parts that a test may replace by broken ones, to prove that the simulation notices. */
export interface Parts extends ContextParts {
  readonly broker: (...args: ConstructorParameters<typeof MemoryBroker>) => MemoryBroker;
  readonly supervisor: (...args: ConstructorParameters<typeof Supervisor>) => Supervisor;
  readonly decisions: (...args: ConstructorParameters<typeof Decisions>) => Decisions;
  readonly table: (...args: ConstructorParameters<typeof SimulatedTable>) => SimulatedTable;
  /** Instead of the in-memory broker: the distributed one, over a simulated Redis. */
  readonly distributed?: MakeDistributedBroker;
}

export const REAL_PARTS: Parts = {
  ...CONTEXT_PARTS,
  broker: (...args) => new MemoryBroker(...args),
  supervisor: (...args) => new Supervisor(...args),
  decisions: (...args) => new Decisions(...args),
  table: (...args) => new SimulatedTable(...args),
};

export const DISTRIBUTED_PARTS: Parts = { ...REAL_PARTS, distributed: (...args) => new DistributedBroker(...args) };

const LINGER_MS = 20_000;
/** So short that topics rest within a world's time. */
const REST_MS = 3_000;
/** So few that rounds through a world's topics take several turns. */
const SWEPT_IN_A_TURN = 2;
const CONFLATION: Conflation = {
  keyOf: (topic) => (topic === CONFLATED ? CONFLATION_FIELD : undefined),
  limits: { messages: 1_000, bytes: 100_000, totalBytes: 100_000 },
};
const APPENDS = { pendingMessages: 100, pendingBytes: 100_000 };
/** How long publications wait for others in every fourth world, in ms. */
export const COALESCE_MS = 30;

export class World {
  readonly random: SeededRandom;
  readonly clock = new VirtualClock();
  readonly ledger = new Ledger();
  readonly counters = new Counters();
  readonly conditions: Conditions;
  readonly node: Node;
  readonly broker: WorldBroker;
  readonly router: Router;
  readonly flusher: Flusher;
  readonly rights = new FaultyRights();
  readonly decisions: Decisions;
  /** The owner of a topic, who decides about it, in half of the worlds. */
  readonly owner: SimulatedOwner | null;
  readonly clients: SimulatedClient[] = [];
  /** Failures per connection, for the restart budget. */
  readonly failures = new Map<string, number>();
  published = 0;
  /** The first thing that a client found wrong. */
  found: Violation | null = null;
  /** The first failure of an actor that nobody planted. */
  unplanned: string | null = null;
  private readonly pulse: Pulse;

  /** @param traced what the node traces; drawn from the seed unless a test says it */
  constructor(seed: number, parts: Parts, traced: Traced | null = drawTraced(seed), options: WorldOptions = USUAL) {
    this.random = new SeededRandom(seed);
    this.conditions = drawConditions(this.random);
    this.decisions = parts.decisions(DECISIONS, this.rights, this.clock, this.clock);
    const owner = options.hasOwner ? drawOwner(seed) : null;
    this.owner = owner === null ? null : new SimulatedOwner(owner, seed, this.ledger, this.clock, parts.table);
    const { random, clock, conditions } = this;
    const supervisor = parts.supervisor(clock, clock, new DeadLetters(10), {
      wentOn: (actor, error) => this.failed(actor, error),
      alert: ({ actor, error }) => this.failed(actor, error),
    });
    const retention = { messages: conditions.history, ageMs: conditions.ageMs, bytes: 100_000 };
    const rules = ['typing.**', CONFLATED].map((pattern) => ({ pattern, messages: 0, ageMs: 1_000, bytes: 1_000 }));
    const storing = {
      retention: { fallback: retention, direct: retention, rules },
      maxTopics: 100,
      maxBytes: 10_000_000,
      idempotencyWindowMs: options.idempotencyWindowMs,
      idempotencyKeys: 100,
      forgetAfterMs: 60_000,
    };
    const tail = { messages: conditions.mailboxCapacity, bytes: conditions.mailboxBytes, totalBytes: 1_000_000 };
    this.broker =
      parts.distributed === undefined
        ? new SimulatedBroker(parts.broker(storing, clock, random), conditions.broker, random, (publication) =>
            this.ledger.record(publication),
          )
        : new SimulatedRedisBroker(
            parts.distributed,
            {
              retention: storing.retention,
              append: APPENDS,
              reads: { atOnce: 2, waiting: 1_000 },
              tail,
              silenceMs: 4_000,
              lookedAtInATurn: SWEPT_IN_A_TURN,
              restMs: REST_MS,
              topicTtlMs: 60_000,
            },
            clock,
            random,
            this.ledger,
          );
    const stride = random.between(1, 3);
    const coalesceMs = random.pick([0, 0, 0, COALESCE_MS]);
    const mode = new NodeMode('sim', 'x', 'key', () => {});
    const authenticator = simulatedAuthenticator(clock);
    const rate = { perSecond: 1e9, burst: 1e9 };
    const settings: ContextSettings = {
      flushing: { sliceMs: 0, readSliceMs: 0, stride, coalesceMs },
      routing: { tail, lingerMs: LINGER_MS, restMs: REST_MS, trace: traced?.limits, conflation: CONFLATION },
      mailboxesBytes: conditions.totalBytes,
      userRate: rate,
      connectionsPerUser: 100,
      nodeRate: rate,
    };
    const ports: ContextPorts = {
      clock,
      random,
      scheduler: clock,
      supervisor,
      log: silentLog,
      frameLog: silentLog,
      counters: this.counters,
      broker: this.broker,
      deadLetters: new DeadLetters(10),
      policy: {
        inbox: { capacity: 4, bytes: 100_000 },
        maxFailures: conditions.maxFailures,
        windowMs: 1e9,
        atLimit: 'stop',
      },
      sessions: new MemorySessionStore(60_000, 10, clock),
      authorizer: this.decisions,
      owners: null,
      presence: null,
      events: null,
      limits: limitsOf(conditions, options),
      frameHandlers: new Map(),
      node: mode,
      revoked: (principal) => authenticator.problem(principal),
      verify: (token, reply) => authenticator.verify(token, reply),
      liveSession: (id) => this.node.bySession(id),
      ended: (connection) => this.node.forget(connection),
    };
    this.watchPublishes();
    const context = buildContext(ports, settings, silentLog, parts);
    if (this.owner !== null) registerOwners(context, this.owner);
    this.router = context.router;
    this.flusher = context.flusher;
    for (const pattern of traced?.patterns ?? []) this.router.tracing.enable(pattern, untilOf(traced, clock));
    const origins = new Origins({ allowed: [], isTold: false }, clock, silentLog);
    this.node = new Node(
      { maxConnections: 100, acceptsPerSecond: 1e9, trustedProxies: [], queryToken: true },
      { context, mode, authenticator, origins, failures: new KeyedBuckets(rate, 10) },
    );
    void this.broker.start(this.router);
    this.pulse = new Pulse(
      supervisor,
      clock,
      clock,
      {
        beat: () => this.beat(),
        sweeps: [() => this.broker.sweep(SWEPT_IN_A_TURN), () => this.router.sweep(SWEPT_IN_A_TURN)],
      },
      () => {},
    );
    this.pulse.start();
    mode.send({ type: 'STARTED' });
    for (let index = 0; index < conditions.clients; index += 1) {
      const client = new SimulatedClient(
        `user${index}`,
        random.pick(['json', 'msgpack']),
        random.chance(0.3),
        this.ledger,
        this.owner,
      );
      this.clients.push(client);
    }
  }

  /** Connects a client anew; an old connection of it breaks, or is left to be found dead. */
  connect(client: SimulatedClient, leavesOldOpen = false): void {
    if (client.link !== null && leavesOldOpen) client.link.isCut = true;
    else client.link?.break();
    const link = new SimulatedLink(this.conditions.kernelBytes, (payload, binary) =>
      this.deliver(client, payload, binary),
    );
    this.node.admit(handshakeOf(client), (admission) => {
      promise(admission.kind === 'accepted', 'clients are admitted', () => `${client.name} was refused`);
      client.connected(link);
      link.listener = admission.open(link);
    });
  }

  /** Opens a link with a handshake of the client library. */
  admit(link: SimulatedLink, url: string, protocols: readonly string[]): void {
    const handshake = { ...HANDSHAKE, protocol: protocols.join(', '), query: url.slice(url.indexOf('?') + 1) };
    this.node.admit(handshake, (admission) => {
      promise(admission.kind === 'accepted', 'clients are admitted', () => JSON.stringify(admission));
      link.listener = admission.open(link);
    });
  }

  /** Requests with frames that the node has not answered: each has a time by which it is. */
  briefAnswers = 0;

  /** The owner changes its mind about a user, and says so to the node. */
  changeRights(user: string, isAllowed: boolean): void {
    if (this.owner === null) return;
    this.owner.allow(user, isAllowed);
    const change = { tenant: '', user, topic: OWNED };
    changeRights(this.node.parts.context, touchedBy(change, this.node), change);
  }

  /** A message that the node gives the log is of a sender that is still there, and may publish it. */
  private watchPublishes(): void {
    const publish = this.broker.publish.bind(this.broker);
    this.broker.publish = (topic, draft, reply) => {
      const sender = this.clients.find(({ name }) => name === draft.from);
      const id = draft.clientId;
      if (id !== undefined && sender?.hasLeft(id) === true)
        this.found ??= new Violation('nothing is done for those who have left', `${id} was published`);
      if (topic === OWNED && this.owner?.isDenied(draft.from) === true)
        this.found ??= new Violation(
          'nothing from those who are denied',
          `${draft.from} has published ${draft.payload}`,
        );
      publish(topic, draft, reply);
    };
  }

  /** Whether a round through the node's topics goes on in another turn. */
  get isSweeping(): boolean {
    return this.pulse.isSweeping;
  }

  /** The connection that serves a client now. */
  connectionOf(client: SimulatedClient): Connection | undefined {
    return this.node.connections.find(({ transport }) => transport === client.link);
  }

  /** Keeps what a client finds wrong until the step is over: thrown here, it would look like a fault of the node. */
  private deliver(client: SimulatedClient, payload: Payload, binary: boolean): void {
    try {
      client.received(payload, binary);
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      this.found ??= error;
    }
  }

  private beat(): void {
    this.node.beat();
    this.router.beat();
  }

  private failed(actor: string, error: string): void {
    // Violations are found in the middle of handlers too, and must not be taken for faults of the world.
    this.unplanned ??= error.includes(PLANTED_FAULT) ? null : error;
    this.failures.set(actor, (this.failures.get(actor) ?? 0) + 1);
  }
}

function untilOf(traced: Traced | null, clock: VirtualClock): number | null {
  return traced?.until == null ? null : clock.now() + traced.until;
}

function handshakeOf(client: SimulatedClient): Handshake {
  return {
    ...HANDSHAKE,
    authorization: `Bearer ${tokenOf({ sub: client.name })}`,
    query: `format=${client.format}${client.batching ? '&batch=1' : ''}`,
  };
}

const HANDSHAKE: Handshake = {
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
  query: '',
  peer: '127.0.0.1',
};

/** A node: the live set of connections, who may join it, its heartbeat and its end. */
import { digestOf, type Authenticator } from '../auth/authenticator.ts';
import type { Principal } from '../auth/principal.ts';
import { Connection } from '../connection/connection.ts';
import type { ConnectionContext } from '../connection/context.ts';
import { tellConnected } from '../connection/events.ts';
import { beat } from '../connection/liveness.ts';
import { isLasting, type Transport, type TransportName } from '../connection/transport.ts';
import type { KeyedBuckets } from '../limits/keyed-buckets.ts';
import { TokenBucket } from '../limits/token-bucket.ts';
import type { UserUsage } from '../limits/user-limits.ts';
import { DEFAULT_CODEC } from '../protocol/codecs.ts';
import { isRefusal, refusal, type Refusal } from '../protocol/errors.ts';
import type { SubscribeFrame } from '../protocol/frames.ts';
import { unaccounted } from '../router/audit.ts';
import { inTime } from '../service/answer-in-time.ts';
import type { Welcome } from '../service/connection-events.ts';
import { failedEvent } from '../service/tell-events.ts';
import { closeOf, isOfThisNode, type Admission } from './admission.ts';
import { askAboutCaller, missingCredential } from './callers.ts';
import { clientAddress } from './client-address.ts';
import { ConnectionsByNumber } from './connections-by-number.ts';
import { ConnectionsByUser } from './connections-by-user.ts';
import { drainConnections, type DrainOptions } from './drain.ts';
import { Greeting } from './greeting.ts';
import {
  findToken,
  handshakeProblem,
  isWebSocket,
  negotiate,
  wantsFramePings,
  wantsRefusalAsClose,
  type Handshake,
} from './handshake.ts';
import type { NodeMode } from './mode.ts';
import type { Origins } from './origins.ts';
import { failFrom, rememberedFrom, verifyFrom } from './verification.ts';
import { givenTopics, subscribing } from './welcome.ts';

export interface NodeOptions {
  readonly maxConnections: number;
  readonly acceptsPerSecond: number;
  readonly trustedProxies: readonly string[];
  readonly queryToken: boolean;
}

export interface NodeParts {
  readonly context: ConnectionContext;
  readonly mode: NodeMode;
  readonly authenticator: Authenticator;
  readonly origins: Origins;
  /** Failed verifications per address. */
  readonly failures: KeyedBuckets;
}

/** What clients are given when nobody is asked. */
const NOTHING: Welcome = { subscribe: [] };

const MISSING_TOKEN = 'expected a token: Authorization: Bearer <jwt>, subprotocol access_token.<jwt>, or ?token=';

export class Node {
  readonly parts: NodeParts;
  readonly connections: Connection[] = [];
  readonly byUser = new ConnectionsByUser(this.connections);
  private readonly byNumber = new ConnectionsByNumber<Connection>();
  private readonly options: NodeOptions;
  private readonly greeting: Greeting;
  private readonly acceptBucket: TokenBucket;
  /** Refusals told inside WebSocket, which cost more than an HTTP answer: as many a second, and none of those of newcomers. */
  private readonly toldBucket: TokenBucket;
  private lastNumber = 0;

  constructor(options: NodeOptions, parts: NodeParts) {
    this.options = options;
    this.parts = parts;
    this.greeting = new Greeting(parts.context, parts.mode);
    const rate = { perSecond: options.acceptsPerSecond, burst: options.acceptsPerSecond };
    this.acceptBucket = new TokenBucket(rate);
    this.toldBucket = new TokenBucket(rate);
  }

  /** Decides on a handshake, at once when the token is known. */
  admit(handshake: Handshake, decide: (admission: Admission) => void): void {
    const { clock, counters } = this.parts.context;
    const begun = clock.elapsed();
    this.examine(handshake, (admission) => {
      if (admission.kind === 'accepted') counters.handshake.observe((clock.elapsed() - begun) / 1_000);
      decide(admission);
    });
  }

  /** The connection with this session id, if it is still open: a client may ask as often as its tokens last. */
  bySession(sessionId: string): Connection | undefined {
    const connection = this.numbered(sessionId);
    return connection?.isOpen === true && connection.sessionId === sessionId ? connection : undefined;
  }

  /** The connection with this id, also one that is closing. */
  byId(id: string): Connection | undefined {
    const connection = this.numbered(id);
    return connection?.id === id ? connection : undefined;
  }

  /** A second has passed in which the event loop was free: every connection looks at its deadlines. */
  beat(): void {
    this.parts.mode.beat += 1;
    // Backwards, because a connection that ends swaps the last one into its place.
    for (let at = this.connections.length - 1; at >= 0; at -= 1) {
      const connection = this.connections[at];
      if (connection !== undefined) beat(connection);
    }
  }

  /** Removes a connection that is over: swap-remove. */
  forget(connection: Connection): void {
    const { context } = this.parts;
    if (connection.slot === -1) return;
    this.byNumber.remove(connection.number);
    this.byUser.removed(connection);
    const last = this.connections.pop() as Connection;
    if (last !== connection) {
      this.connections[connection.slot] = last;
      last.slot = connection.slot;
    }
    connection.slot = -1;
    if (takesPlace(connection.over)) context.users.leave(connection.principal, context.clock.elapsed());
  }

  async drain(options: DrainOptions): Promise<void> {
    this.parts.mode.send({ type: 'DRAIN' });
    const { clock, random, presence } = this.parts.context;
    presence?.presence.drain();
    await drainConnections(
      { connections: this.connections, clock, random, scheduler: this.parts.context.scheduler },
      options,
    );
    this.parts.mode.send({ type: 'STOPPED' });
  }

  /** Publications that the books of the live subscriptions cannot explain; must be 0. */
  unaccounted(): number {
    let sum = this.parts.context.counters.unaccounted;
    for (const { subscriptions } of this.connections)
      for (const subscription of subscriptions) sum += unaccounted(subscription);
    return sum;
  }

  /** Checks in the order of docs/protocol.md, "Endpoint". */
  private examine(handshake: Handshake, decide: (admission: Admission) => void): void {
    const early = isWebSocket(handshake) ? handshakeProblem(handshake) : null;
    if (early !== null) return decide(this.refuse(handshake, early, false));
    const full = this.fullProblem();
    // A page sees nothing of an HTTP answer, so it is told on a socket that is closed at once (toldBucket bounds how many).
    const foreign = this.parts.origins.problem(handshake.origin);
    if (foreign !== null) return decide(this.refuse(handshake, foreign, full === null));
    if (full !== null) return decide(this.refuse(handshake, full));
    const token =
      findToken(handshake, this.options.queryToken) ?? missingCredential(this.parts.authenticator, MISSING_TOKEN);
    // A handshake without a token spends what its address may fail at, and nothing that honest handshakes need.
    if (typeof token !== 'string') return this.refuseStranger(handshake, token, decide);
    const digest = digestOf(token);
    const known = rememberedFrom(this.parts, digest);
    if (known !== undefined) return this.ask(handshake, known, decide);
    // Looked at here, because a crowd must not cost signatures; taken by those alone whose token is good.
    const crowded = this.acceptProblem(false);
    if (crowded !== null) return decide(this.refuse(handshake, crowded));
    this.verify(handshake, token, digest, decide);
  }

  private fullProblem(): Refusal | null {
    const { mode } = this.parts;
    if (!mode.isAdmitting) return notAdmitting(mode);
    if (this.connections.length >= this.options.maxConnections) {
      return refusal(
        'over_capacity',
        `expected at most ${this.options.maxConnections} connections on this node (websocket.max_connections)`,
        5_000,
      );
    }
    return null;
  }

  /** Whether the node takes more connections now than in a second it may. @param takes charges one when there is room */
  private acceptProblem(takes: boolean): Refusal | null {
    const now = this.parts.context.clock.elapsed();
    if (takes ? this.acceptBucket.take(1, now) : this.acceptBucket.allows(1, now)) return null;
    return refusal(
      'over_capacity',
      `expected at most ${this.options.acceptsPerSecond} new connections per second (websocket.accepts_per_second)`,
      this.acceptBucket.wait(1, now),
    );
  }

  /** One user who connects to leave again must not spend the rate of all. */
  private arrivalProblem(usage: UserUsage): Refusal | null {
    const { users, clock } = this.parts.context;
    const now = clock.elapsed();
    if (users.arrive(usage, now)) return null;
    return refusal('rate_limited', 'expected fewer new connections of this user', users.arrivalWait(usage, now));
  }

  private verify(handshake: Handshake, token: string, digest: string, decide: (admission: Admission) => void): void {
    verifyFrom(
      this.parts,
      () => this.addressOf(handshake),
      token,
      digest,
      (answer) => (isRefusal(answer) ? decide(this.refuse(handshake, answer)) : this.ask(handshake, answer, decide)),
    );
  }

  private ask(handshake: Handshake, principal: Principal, decide: (admission: Admission) => void): void {
    const { host, origin } = handshake;
    const header = (name: string): string | undefined =>
      (name === 'host' ? host : name === 'origin' ? origin : '') || undefined;
    askAboutCaller(this.parts, { principal, method: null, header }, (problem) =>
      problem === null ? this.askHooks(handshake, principal, decide) : decide(this.refuse(handshake, problem)),
    );
  }

  /** Applications that want a say in who may connect are asked; an answer that does not come in time is a no. */
  private askHooks(handshake: Handshake, principal: Principal, decide: (admission: Admission) => void): void {
    const { context, authenticator } = this.parts;
    const connecting = context.events?.connecting ?? null;
    if (connecting === null) return decide(this.enter(handshake, principal, NOTHING));
    const { decisionTimeoutMs } = context.limits;
    const address = this.addressOf(handshake);
    inTime<Refusal | Welcome>(
      context.scheduler,
      decisionTimeoutMs,
      (answered) => {
        try {
          connecting({ principal, address, origin: handshake.origin }, answered);
        } catch (error) {
          context.deadLetters.add(failedEvent(context.clock, error));
          answered(refusal('rights_unavailable', 'expected a decision about this client, got a fault', 2_000));
        }
      },
      {
        answer: (answer) => {
          const refused = isRefusal(answer) ? answer : authenticator.problem(principal);
          decide(
            refused === null ? this.enter(handshake, principal, answer as Welcome) : this.refuse(handshake, refused),
          );
        },
        missing: () => {
          const expected = `expected a decision about this client within ${decisionTimeoutMs} ms (apps.decision_timeout_ms)`;
          decide(this.refuse(handshake, refusal('rights_unavailable', expected, 2_000)));
        },
        late: () => {},
      },
    );
  }

  private refuseStranger(handshake: Handshake, problem: Refusal, decide: (admission: Admission) => void): void {
    if (problem.reason !== 'token_missing') return decide(this.refuse(handshake, problem));
    failFrom(
      this.parts,
      () => this.addressOf(handshake),
      problem,
      (answer) => decide(this.refuse(handshake, answer)),
    );
  }

  private addressOf(handshake: Handshake): string {
    return clientAddress(handshake, this.options.trustedProxies);
  }

  private enter(handshake: Handshake, principal: Principal, welcome: Welcome): Admission {
    const { context, mode } = this.parts;
    if (!mode.isAdmitting) return this.refuse(handshake, notAdmitting(mode));
    const over = handshake.over ?? 'websocket';
    const isCounted = takesPlace(over);
    const usage = isCounted ? context.users.enter(principal) : context.users.visit(principal);
    if (usage === null)
      return this.refuse(
        handshake,
        refusal(
          'connection_limit',
          'expected fewer connections of this user (websocket.max_connections_per_user)',
          5_000,
        ),
      );
    const leave = (): void => {
      if (isCounted) context.users.leave(principal, context.clock.elapsed());
    };
    const negotiated = negotiate(handshake);
    if (isRefusal(negotiated)) {
      leave();
      return this.refuse(handshake, negotiated);
    }
    const crowded = isCounted ? (this.arrivalProblem(usage) ?? this.acceptProblem(true)) : null;
    if (crowded !== null) {
      leave();
      return this.refuse(handshake, crowded, false);
    }
    const { codec, batching, subprotocol } = negotiated;
    const framePings = wantsFramePings(handshake);
    // Where the socket itself can tell it later, nobody asks the kernel for it now, and no connection keeps a text of its own.
    const isKnownLater = over === 'websocket' && this.options.trustedProxies.length === 0 && context.events === null;
    const address = isKnownLater ? null : this.addressOf(handshake);
    const given = givenTopics(principal, welcome);
    return {
      kind: 'accepted',
      subprotocol,
      principal,
      subscribe: given,
      abandon: leave,
      open: (transport, first = subscribing(given)) =>
        this.open({ principal, usage, codec, batching, framePings, address, over }, transport, first),
    };
  }

  /** The one connection whose id could be this: ids end in its number, and printing all of them would cost a walk. */
  private numbered(id: string): Connection | undefined {
    return this.byNumber.get(Number.parseInt(id.slice(id.lastIndexOf('-') + 1), 36));
  }

  private open(
    agreement: ConstructorParameters<typeof Connection>[1],
    transport: Transport,
    first: SubscribeFrame | null,
  ): Connection {
    const { context } = this.parts;
    this.lastNumber += 1;
    const connection = new Connection(this.lastNumber, agreement, context);
    connection.slot = this.connections.length;
    this.connections.push(connection);
    this.byNumber.add(connection);
    this.byUser.added(connection);
    connection.transport = transport;
    context.counters.accepted += 1;
    if (context.log.isEnabled('debug'))
      context.log.debug('Connection opened', {
        connection_id: connection.id,
        user: agreement.principal.user,
        format: connection.format,
      });
    connection.sendStatus(this.greeting.of(connection));
    if (isLasting(connection.over)) tellConnected(connection);
    if (first !== null) connection.cell.tell(first, 0);
    return connection;
  }

  private refuse(handshake: Handshake, refused: Refusal, mayUpgrade = true): Admission {
    const { counters, clock } = this.parts.context;
    counters.refused.add(refused.reason);
    const negotiated = negotiate(handshake);
    const known = isRefusal(negotiated) ? null : negotiated;
    const isTold =
      mayUpgrade &&
      !isOfThisNode(refused) &&
      wantsRefusalAsClose(handshake) &&
      this.toldBucket.take(1, clock.elapsed());
    const close = isTold ? closeOf(refused) : null;
    return {
      kind: 'refused',
      refusal: refused,
      close,
      subprotocol: known?.subprotocol,
      codec: known?.codec ?? DEFAULT_CODEC,
    };
  }
}

/** Whether it counts as one of the connections of its user: a request with some frames pays for these alone. */
function takesPlace(over: TransportName): boolean {
  return over !== 'frames';
}

function notAdmitting({ mode, awaitsOrders }: NodeMode): Refusal {
  const state = awaitsOrders ? 'waits to read what was revoked and ordered' : `is ${mode}`;
  return refusal('not_admitting', `expected a node that takes connections: this one ${state}`, 2_000);
}

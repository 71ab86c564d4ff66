/**
 * The first frame of a connection: who and where the client is, and what holds here. The part that is the same for everybody is printed once
 * for each format and kept until an operator changes some of it.
 */
import type { Connection } from '../connection/connection.ts';
import type { ConnectionContext } from '../connection/context.ts';
import type { Codec, Payload, SharedDetails } from '../protocol/codec.ts';
import { MAX_BATCH_FRAMES, MAX_HISTORY_LIMIT, MAX_TOPICS_PER_FRAME, PROTOCOL_VERSION } from '../protocol/limits.ts';
import { usesPresence } from '../presence/presence-rules.ts';
import type { NodeMode } from './mode.ts';

export class Greeting {
  private readonly context: ConnectionContext;
  private readonly mode: NodeMode;
  /** By format; without batching and with it. */
  private single: SharedDetails[] = [];
  private batching: SharedDetails[] = [];
  // What was told when they were printed, as far as it changes while the node runs.
  private toldMode = '';
  private connectionRps = 0;
  private connectionBurst = 0;
  private userRps = 0;
  private handlers = 0;

  /** @param mode of the node, with its name */
  constructor(context: ConnectionContext, mode: NodeMode) {
    this.context = context;
    this.mode = mode;
  }

  of(connection: Connection): Payload {
    const { codec, principal } = connection;
    const own: Record<string, unknown> = {
      connection_id: connection.id,
      session_id: connection.sessionId,
      user: principal.user,
    };
    if (principal.tenant !== '') own['tenant'] = principal.tenant;
    own['server_time'] = this.context.clock.now();
    own['token_expires_at'] = principal.expiresAt === Infinity ? null : principal.expiresAt;
    return codec.status('connected', own, this.shared(codec, connection.batching));
  }

  private shared(codec: Codec, batching: boolean): SharedDetails {
    if (this.hasChanged()) {
      this.single = [];
      this.batching = [];
    }
    const printed = batching ? this.batching : this.single;
    return (printed[codec.index] ??= codec.share(this.details(batching)));
  }

  private hasChanged(): boolean {
    const { limits, users, frameHandlers } = this.context;
    const { connectionRate } = limits;
    if (
      this.toldMode === this.mode.mode &&
      this.connectionRps === connectionRate.perSecond &&
      this.connectionBurst === connectionRate.burst &&
      this.userRps === users.rate.perSecond &&
      this.handlers === frameHandlers.size
    )
      return false;
    this.toldMode = this.mode.mode;
    this.connectionRps = connectionRate.perSecond;
    this.connectionBurst = connectionRate.burst;
    this.userRps = users.rate.perSecond;
    this.handlers = frameHandlers.size;
    return true;
  }

  private details(batching: boolean): Record<string, unknown> {
    const { context, mode } = this;
    const { limits } = context;
    return {
      node: mode.name,
      protocol_version: PROTOCOL_VERSION,
      mode: mode.mode,
      heartbeat_interval_ms: limits.heartbeatBeats * 1_000,
      client_timeout_ms: limits.clientTimeoutBeats * 1_000,
      max_message_size: limits.maxMessageSize,
      limits: {
        max_subscriptions: limits.maxSubscriptions,
        connection_rps: limits.connectionRate.perSecond,
        connection_burst: limits.connectionRate.burst,
        user_rps: context.users.rate.perSecond,
        max_topics_per_frame: MAX_TOPICS_PER_FRAME,
        max_batch: MAX_BATCH_FRAMES,
        history_limit: MAX_HISTORY_LIMIT,
        idempotency_window_ms: limits.idempotencyWindowMs,
      },
      mailbox: { capacity: limits.mailboxCapacity, bytes: limits.mailboxBytes, overflow_strategy: 'drop_oldest' },
      features: [
        'patterns',
        'history',
        'idempotency',
        'direct_messages',
        ...(context.presence !== null && usesPresence(context.presence.rules) ? ['presence'] : []),
        ...(batching ? ['batching'] : []),
        ...context.frameHandlers.keys(),
      ],
    };
  }
}

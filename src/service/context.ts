/** What the rules of this room are asked with: the part of a connection's context that knows no sockets. */
import type { DeadLetters } from '../actor/dead-letters.ts';
import type { Principal } from '../auth/principal.ts';
import type { Broker } from '../broker/broker.ts';
import type { TokenBucket } from '../limits/token-bucket.ts';
import type { UserLimits } from '../limits/user-limits.ts';
import type { Refusal } from '../protocol/errors.ts';
import type { Router } from '../router/router.ts';
import type { Clock, Scheduler } from '../telemetry/clock.ts';
import type { Counters } from '../telemetry/counters.ts';
import type { Authorizer } from './authorizer.ts';
import type { ConnectionEvents } from './connection-events.ts';
import type { PresenceService } from './presence-service.ts';
import type { TopicOwners } from './topic-owners.ts';

export interface ServiceContext {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly counters: Counters;
  readonly deadLetters: DeadLetters;
  readonly broker: Broker;
  readonly router: Router;
  readonly users: UserLimits;
  readonly nodeBucket: TokenBucket;
  readonly limits: {
    readonly limitRates: boolean;
    /** How long the owner of a topic may take to say what becomes of a message. */
    readonly decisionTimeoutMs: number;
  };
  readonly node: { readonly isReadOnly: boolean };
  readonly authorizer: Authorizer;
  /** `null` when no application owns a topic; see `registerOwners`. */
  owners: TopicOwners | null;
  /** `null` when nobody listens. */
  events: ConnectionEvents | null;
  /** Presence in topics; `null` where no rule keeps it. */
  readonly presence: PresenceService | null;
  /** Why a principal that was accepted before is accepted no longer, or `null`. */
  readonly revoked: (principal: Principal) => Refusal | null;
}

/** What a node keeps things in, and what comes with it: its own memory, or a store that nodes share. */
import type { SharedStore } from '../../apps/host-api.ts';
import type { Broker } from '../../broker/broker.ts';
import type { ControlBus } from '../../control/command.ts';
import type { NodeViews } from '../../control/views.ts';
import type { QueueStore } from '../../queue/queue-store.ts';
import type { Sweep } from '../../telemetry/sweeps.ts';
import type { PresenceStore } from '../../presence/presence-store.ts';
import type { SessionStore } from '../../session/session-store.ts';
import type { SharedStoreGauges } from '../../telemetry/gauges.ts';

/** What the applications of a node say of themselves before they start, as far as it matters here. */
export interface WantedByApps {
  /** Topics that are never stored. */
  readonly ephemeral: readonly string[];
  readonly hasQueues: boolean;
}

export interface Storage {
  readonly name: 'memory' | 'redis';
  readonly broker: Broker;
  readonly sessions: SessionStore;
  readonly presence: PresenceStore;
  /** How operators tell nodes something: all that share this storage. */
  readonly bus: ControlBus;
  /** How nodes look at each other; `null` where a node is alone. */
  readonly views: NodeViews | null;
  /** For applications that keep something for all nodes; `null` where a node is alone. */
  readonly shared: SharedStore | null;
  /** Queues of applications, where they are kept beside everything else; else `null`. */
  readonly queues: QueueStore | null;
  /** Others may have been told something before this node came, which it has to read first. */
  readonly hasEarlierOrders: boolean;
  /** Why logs and sessions cannot be relied on, or `null`. A node whose storage is in trouble is not ready. */
  trouble(): 'away' | 'unfit' | 'full' | null;
  /** What is wrong or will be soon, in words for everybody; `null` when all is well. */
  problem(): { readonly cause: string; readonly says: string } | null;
  /** What operators are shown of it; `null` where there is nothing but this process. */
  facts(): Promise<object | null>;
  /** Leaves the other nodes, writes what is still to be written, then lets go of what others share. */
  stop(): Promise<void>;
  /** What looks for things that are too old. */
  readonly sweeps: readonly Sweep[];
  usage(): {
    readonly logTopics: number;
    readonly logInboxes: number;
    readonly logTopicsEvicted: number;
    readonly logBytes: number;
    readonly idempotencyKeys: number;
    readonly sessions: number;
    readonly sharedStore: SharedStoreGauges | null;
  };
}

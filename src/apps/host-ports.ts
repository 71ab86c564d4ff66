/** What the hosts of all applications of a node are made of. */
import type { TokenIssuer } from '../auth/issuing.ts';
import type { ControlBus } from '../control/command.ts';
import type { Database } from '../database/database.ts';
import type { Queue } from '../queue/queue.ts';
import type { PresenceService } from '../service/presence-service.ts';
import type { ServiceContext } from '../service/context.ts';
import type { Random } from '../telemetry/clock.ts';
import type { MetricEntry } from '../telemetry/metric-entry.ts';
import type { AppEvents } from './app-events.ts';
import type { Host, MessageFate, SharedStore } from './host-api.ts';

export interface PresencePorts {
  readonly service: PresenceService;
  /** @param connection of this node: one that has closed would stay present for ever */
  readonly isOpen: (connection: string) => boolean;
  /** Of those that are told. */
  readonly deadlineMs: number;
}

export interface HostPorts {
  /** The name of the node. */
  readonly node: string;
  readonly context: ServiceContext & { readonly limits: { readonly maxMessageSize: number } };
  readonly random: Random;
  readonly bus: ControlBus;
  readonly shared: SharedStore | null;
  /** By the name of an application. */
  readonly database: (app: string) => Database | null;
  readonly queue: (name: string) => Queue;
  /** `null` when no application keeps who is there. */
  readonly presence: PresencePorts | null;
  readonly events: AppEvents;
  /** @throws when the server would not accept its tokens */
  readonly tokenIssuer: (privateKey?: string) => TokenIssuer;
  /** @throws when there is a metric of this name */
  readonly addMetric: (entry: MetricEntry) => void;
  /** What became of a message on all nodes. */
  readonly fate: (id: string) => Promise<MessageFate>;
  readonly alert: (message: string, fields: Readonly<Record<string, unknown>>) => void;
}

/** With what differs between applications. */
export interface OneHostPorts extends HostPorts {
  readonly used: Host['used'];
}

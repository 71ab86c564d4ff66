/** What a run does. Times are milliseconds. The same plan goes to every thread. */

export interface Target {
  /** As it was given, with the path that is connected to. */
  readonly url: string;
  /** The address that the host name stood for when the run began. */
  readonly address: string;
  readonly port: number;
  /** Host and port as the client says them. */
  readonly authority: string;
  /** With query. */
  readonly path: string;
  readonly tls: boolean;
  readonly isLoopback: boolean;
}

/** How publishes are paced. */
export type Pace =
  /** Open loop: so many a second in total, at times that do not wait for answers. */
  | { readonly kind: 'rate'; readonly perSecond: number }
  /** Closed loop: so many in flight in total, each until all its deliveries have arrived. */
  | { readonly kind: 'window'; readonly inFlight: number }
  /** Closed loop: so many in flight per publishing connection, each until it is acknowledged. */
  | { readonly kind: 'round-trips'; readonly inFlight: number }
  | { readonly kind: 'none' };

export interface Storms {
  /** Of the subscribing connections, 0 to 1. */
  readonly share: number;
  readonly atMs: number;
  /** 0: once. */
  readonly everyMs: number;
  readonly awayMs: number;
}

export interface SlowReaders {
  readonly count: number;
  readonly atMs: number;
  readonly forMs: number;
}

export type Credentials =
  | { readonly kind: 'token'; readonly token: string }
  | { readonly kind: 'secret'; readonly secret: string; readonly roles: readonly string[]; readonly users: number }
  | { readonly kind: 'none' };

export interface LoadPlan {
  /** Makes topics and users of this run its own. */
  readonly runId: string;
  readonly target: Target;
  /** That subscribe; publishers come on top. */
  readonly connections: number;
  readonly topics: number;
  /** Per topic. */
  readonly subscribers: number;
  readonly publishers: number;
  readonly pace: Pace;
  /** Topics are called `<prefix>.<six digits>`. */
  readonly topicPrefix: string;
  readonly payloadBytes: number;
  readonly format: 'json' | 'msgpack';
  readonly batching: boolean;
  readonly ramp: { readonly connections: number; readonly everyMs: number };
  readonly warmUpMs: number;
  readonly durationMs: number;
  /** How long to wait for what has not arrived, without any progress. */
  readonly settleMs: number;
  readonly threads: number;
  readonly storms: Storms | null;
  readonly slowReaders: SlowReaders | null;
}

/** When a connection is to be opened, after the start of the ramp. Publishers come after the subscribers. */
export function openingMs({ ramp }: Pick<LoadPlan, 'ramp'>, connection: number): number {
  return Math.floor(connection / ramp.connections) * ramp.everyMs;
}

export function rampMs(plan: LoadPlan): number {
  return openingMs(plan, Math.max(0, plan.connections + plan.publishers - 1));
}

/** The topics of a subscribing connection: subscriptions are dealt out to connections in turn. */
export function topicsOf(
  { connections, topics, subscribers }: Pick<LoadPlan, 'connections' | 'topics' | 'subscribers'>,
  connection: number,
): number[] {
  const all: number[] = [];
  for (let deal = connection; deal < topics * subscribers; deal += connections)
    all.push(Math.floor(deal / subscribers));
  return all;
}

/** Whether a connection belongs to so large a share: spread evenly, so that every topic has its part. */
export function isChosen(connection: number, share: number): boolean {
  // Shares like 10/37 times 37 must not come out below 10.
  const upTo = (count: number): number => Math.floor(count * share + 1e-9);
  return upTo(connection + 1) > upTo(connection);
}

/** When storms begin, after the start of the measurement. None that could not end before it does. */
export function stormTimes({ storms, durationMs }: Pick<LoadPlan, 'storms' | 'durationMs'>): number[] {
  if (storms === null) return [];
  const times = [storms.atMs];
  if (storms.everyMs > 0)
    for (let at = storms.atMs + storms.everyMs; at + storms.awayMs < durationMs; at += storms.everyMs) times.push(at);
  return times;
}

/** Connections of the client library, with everything switched off that keeps or repeats commands on its own. */
import { Cluster, Redis, type RedisOptions } from 'ioredis';
import type { RedisAddress } from '../config/redis-url.ts';

export interface ConnectionOptions {
  readonly address: RedisAddress;
  /** Shown by `CLIENT LIST`. */
  readonly name: string;
  readonly commandTimeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly maxRetryMs: number;
  readonly random: () => number;
}

const FIRST_RETRY_MS = 25;
/** A connection that owes an answer for so long is given up. */
const SILENCE_MS = 3_000;

/** A connection for commands. */
export function connectCommands(options: ConnectionOptions, role: string): Redis | Cluster {
  const { address } = options;
  if (address.kind !== 'cluster') return connectSingle(options, role);
  return new Cluster(
    address.nodes.map(({ host, port }) => ({ host, port })),
    {
      redisOptions: { ...shared(options, role), ...secured(address) },
      lazyConnect: true,
      enableOfflineQueue: false,
      enableReadyCheck: true,
      // The library repeats redirected commands, and with them those whose connection broke: no command is repeated.
      maxRedirections: 0,
      clusterRetryStrategy: retryDelay(options),
      slotsRefreshTimeout: options.commandTimeoutMs,
    },
  );
}

/** A connection that subscribes. Any node of a cluster passes all messages on; this one was chosen. */
export function connectSubscriber(
  options: ConnectionOptions,
  chosen: { readonly host: string; readonly port: number } | null,
): Redis {
  if (chosen === null) return connectSingle(options, 'subscribe', { commandTimeout: options.commandTimeoutMs });
  return new Redis({
    ...shared(options, 'subscribe'),
    ...secured(options.address),
    ...chosen,
    commandTimeout: options.commandTimeoutMs,
    retryStrategy: () => null,
  });
}

function connectSingle(
  options: ConnectionOptions,
  role: string,
  more: { readonly commandTimeout?: number } = {},
): Redis {
  const { address } = options;
  const common = { ...shared(options, role), ...more };
  if (address.kind === 'sentinel') {
    const { sentinels, master, db, tls, sentinelPassword } = address;
    return new Redis({
      ...common,
      ...secured(address),
      db,
      name: master,
      sentinels: sentinels.map(({ host, port }) => ({ host, port })),
      ...(sentinelPassword !== undefined && { sentinelPassword }),
      enableTLSForSentinelMode: tls,
      sentinelRetryStrategy: retryDelay(options),
      sentinelCommandTimeout: options.commandTimeoutMs,
      // Told by the Sentinels, instead of finding out from writes that fail.
      failoverDetector: true,
    });
  }
  if (address.kind === 'cluster') throw new TypeError('a cluster has no single connection');
  return new Redis({ ...common, ...secured(address), host: address.host, port: address.port, db: address.db });
}

function shared(options: ConnectionOptions, role: string) {
  return {
    connectionName: `${options.name}-${role}`,
    lazyConnect: true,
    // A command is sent now or refused now, and it is sent once: sending again could publish twice.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    // Subscriptions are made anew by the link, which then knows from when on nothing is missed.
    autoResubscribe: false,
    connectTimeout: options.connectTimeoutMs,
    retryStrategy: retryDelay(options),
    // After a failover that did not break the connection every write would be refused for ever.
    reconnectOnError: (error: Error) => (error.message.startsWith('READONLY') ? (1 as const) : false),
    enableReadyCheck: true,
    keepAlive: 10_000,
    // The library's time-out of a command is a timer for each; the link has one for each pipeline. This one is for what
    // the library itself asks while it connects.
    socketTimeout: Math.max(SILENCE_MS, options.commandTimeoutMs * 3),
    noDelay: true,
  } satisfies RedisOptions;
}

function secured({ username, password, tls }: RedisAddress): Pick<RedisOptions, 'username' | 'password' | 'tls'> {
  return {
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(tls && { tls: {} }),
  };
}

/** Doubles up to the limit; a quarter of it is chance, so that nodes do not come back in step. */
function retryDelay({ maxRetryMs, random }: ConnectionOptions): (attempt: number) => number {
  return (attempt) => Math.min(FIRST_RETRY_MS * 2 ** Math.min(attempt - 1, 10), maxRetryMs) * (0.75 + 0.25 * random());
}

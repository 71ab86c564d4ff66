/** What a plan takes for granted: defaults of the configuration, rules of the server and of its client, and margins. `--set` changes each. */
import { KEYS_BY_PATH } from '../config/keys.ts';
import { MIN_BACK_OFF_MS } from '../client/back-off.ts';
import { LONGEST_MARGIN_MS, MARGIN_SHARE, SPREAD_SHARE } from '../node/drain.ts';
import type { Unit } from './units.ts';

export interface Assumption {
  readonly value: number;
  readonly unit: Unit;
  readonly says: string;
}

export const ASSUMPTIONS = {
  cpu_share: {
    value: 0.5,
    unit: 'share',
    says: 'of its core that a node uses as planned; the rest is for bursts and for clients that come back',
  },
  redis_cpu_share: { value: 0.5, unit: 'share', says: 'of its core that a Redis uses as planned' },
  memory_margin: {
    value: 1.5,
    unit: 'times',
    says: 'memory beyond what is reckoned: garbage that V8 has not collected, buffers of sockets',
  },
  fork_margin: { value: 1.5, unit: 'times', says: 'memory of Redis while it saves (copy on write)' },
  descriptor_margin: { value: 1.2, unit: 'times', says: 'descriptors beyond connections' },
  other_descriptors: { value: 1_000, unit: 'count', says: 'descriptors that are no connections' },
  join_secs: {
    value: 0,
    unit: 's',
    says: 'deliveries wait so long for others that share their write (actor_system.coalesce_ms)',
  },
  max_connections: of('websocket.max_connections', 'count'),
  accepts_per_second: of('websocket.accepts_per_second', '1/s'),
  heartbeat_secs: of('websocket.heartbeat_interval_secs', 's'),
  client_timeout_secs: of('websocket.client_timeout_secs', 's'),
  mailboxes_total_bytes: of('actor_system.mailboxes_total_bytes', 'bytes'),
  tails_total_bytes: of('redis.tails_total_bytes', 'bytes'),
  grace_secs: of('shutdown.grace_secs', 's'),
  closes_per_second: of('shutdown.closes_per_second', '1/s'),
  drain_spread: {
    value: SPREAD_SHARE,
    unit: 'share',
    says: 'of the grace period over which the moments of clients are spread',
  },
  drain_margin: { value: MARGIN_SHARE, unit: 'share', says: 'of the grace period that a client has beyond its moment' },
  longest_drain_margin: { value: LONGEST_MARGIN_MS / 1_000, unit: 's', says: 'and at most' },
  pre_stop_secs: { value: 5, unit: 's', says: 'a pod serves on before it drains (preStop in k8s/)' },
  kill_margin_secs: {
    value: 15,
    unit: 's',
    says: 'an init system or an orchestrator waits longer than the grace period of a node',
  },
  start_secs: { value: 5, unit: 's', says: 'a node is ready after its start' },
  ready_secs: { value: 15, unit: 's', says: 'a new node serves before the next one goes (minReadySeconds in k8s/)' },
  back_off_secs: {
    value: MIN_BACK_OFF_MS / 1_000,
    unit: 's',
    says: 'a client waits at most before its first try to come back',
  },
  proxies: { value: 2, unit: 'count', says: 'proxies in front, of which one may be away' },
  local_ports: {
    value: 28_232,
    unit: 'count',
    says: 'local ports of a proxy to one node (net.ipv4.ip_local_port_range as Linux delivers it)',
  },
  most_descriptors: { value: 1_048_576, unit: 'count', says: 'descriptors of a process at most (fs.nr_open)' },
  accept_queue: {
    value: 512,
    unit: 'count',
    says: 'finished handshakes that the kernel keeps for a node: uWebSockets.js asks for so many',
  },
  network_card: { value: 1e9, unit: 'bits/s', says: 'bandwidth of the machine of a node, and of Redis' },
  packet_bytes: { value: 66, unit: 'bytes', says: 'headers of a packet: Ethernet 14, IPv4 20, TCP 32' },
  heartbeat_bytes: { value: 140, unit: 'bytes', says: 'a ping and its pong, each in a packet of its own' },
  slow_secs: { value: 0.1, unit: 's', says: 'the last of all subscribers waits at most for one publication' },
  kib: { value: 1_024, unit: 'bytes', says: 'a KiB' },
  bits: { value: 8, unit: 'count', says: 'bits of a byte' },
  us_per_s: { value: 1_000_000, unit: 'count', says: 'microseconds of a second' },
  one_second: { value: 1, unit: 's', says: 'a second' },
} as const satisfies Readonly<Record<string, Assumption>>;

export type AssumptionName = keyof typeof ASSUMPTIONS;

/** A default of the configuration, with its own words. */
function of<U extends Unit>(path: string, unit: U): { value: number; unit: U; says: string } {
  const key = KEYS_BY_PATH.get(path);
  if (typeof key?.fallback !== 'number') throw new Error(`expected a number as default of ${path}`);
  return { value: key.fallback, unit, says: `${path}: ${key.description}` };
}

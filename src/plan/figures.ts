/** What a calibration measures and a plan reckons with: every figure once, with its unit. The names stand in formulas. */
import type { Unit } from './units.ts';

interface Figure {
  readonly unit: Unit;
  readonly says: string;
  /** Measured only where there is a Redis. */
  readonly ofRedis?: true;
}

export const FIGURES = {
  node_bytes: { unit: 'bytes', says: 'a node that has worked and is at rest, without connections and topics' },
  connection_bytes: { unit: 'bytes', says: 'an idle connection, in the process' },
  connection_kernel_bytes: { unit: 'bytes', says: 'the same connection, in slabs of the kernel' },
  subscription_bytes: { unit: 'bytes', says: 'a subscription of a connection' },
  topic_bytes: {
    unit: 'bytes',
    says: 'a topic that a node has open with its first message, beyond the payload of that',
  },
  message_bytes: { unit: 'bytes', says: 'a message kept by the in-memory broker, beyond its payload' },
  accept_us: { unit: 'us', says: 'a handshake with a new token' },
  resume_us: { unit: 'us', says: 'a handshake with a token that is known' },
  subscribe_us: { unit: 'us', says: 'a subscription by its frame, alone in it' },
  turn_us: { unit: 'us', says: 'a turn of the event loop that reads what one connection sent, and answers' },
  publish_us: { unit: 'us', says: 'a publication in such a turn: decode, rights, log, answer' },
  publish_kb_us: { unit: 'us', says: 'the same for every KiB of its payload' },
  write_us: { unit: 'us', says: 'a write to a connection that a delivery needs' },
  message_us: { unit: 'us', says: 'a delivery within a write' },
  batched_message_us: { unit: 'us', says: 'the same for a connection that negotiated batching' },
  message_kb_us: { unit: 'us', says: 'a delivery, for every KiB of its payload' },
  frame_bytes: { unit: 'bytes', says: 'a delivery on the wire, beyond its payload, without packet headers' },
  publish_frame_bytes: { unit: 'bytes', says: 'a publish and its Ack on the wire, beyond the payload' },
  replay_us: { unit: 'us', says: 'a message that a client missed and is sent at its return' },
  idle_us: { unit: 'us/s', says: 'a node at rest' },
  idle_connection_us: {
    unit: 'us',
    says: 'a heartbeat of an idle connection: ping, pong and the look at its deadlines',
  },
  redis_turn_us: { unit: 'us', says: 'a turn of a node with a call to Redis and its answer', ofRedis: true },
  redis_publication_us: {
    unit: 'us',
    says: 'a publication in such a turn, own delivery from Redis included',
    ofRedis: true,
  },
  redis_follow_us: { unit: 'us', says: 'a publication that a node follows and another one took', ofRedis: true },
  redis_connect_us: {
    unit: 'us',
    says: 'what a connection with its session costs a node more than without Redis',
    ofRedis: true,
  },
  redis_idle_us: { unit: 'us/s', says: 'what a node at rest uses more with Redis', ofRedis: true },
  redis_server_turn_us: { unit: 'us', says: 'Redis: reading and answering one call that comes alone', ofRedis: true },
  redis_server_publish_us: { unit: 'us', says: 'Redis: the script of one publication', ofRedis: true },
  redis_server_follow_us: { unit: 'us', says: 'Redis: telling one more node of a publication', ofRedis: true },
  redis_server_connect_us: { unit: 'us', says: 'Redis: storing the session of one connection', ofRedis: true },
  redis_server_idle_us: { unit: 'us/s', says: 'Redis: at rest, for each node', ofRedis: true },
  redis_topic_bytes: {
    unit: 'bytes',
    says: 'Redis: a topic with its first message, beyond the payload of that',
    ofRedis: true,
  },
  redis_message_bytes: { unit: 'bytes', says: 'Redis: a retained message, beyond its payload', ofRedis: true },
  redis_session_bytes: { unit: 'bytes', says: 'Redis: the session of a connection', ofRedis: true },
  redis_in_bytes: { unit: 'bytes', says: 'Redis: a publication coming in, beyond its payload', ofRedis: true },
  redis_out_bytes: {
    unit: 'bytes',
    says: 'Redis: a publication going out to one node, beyond its payload',
    ofRedis: true,
  },
} as const satisfies Readonly<Record<string, Figure>>;

export type FigureName = keyof typeof FIGURES;
export const FIGURE_NAMES = Object.keys(FIGURES) as readonly FigureName[];

export function isOfRedis(name: FigureName): boolean {
  return 'ofRedis' in FIGURES[name];
}

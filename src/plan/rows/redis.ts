/** Redis: memory, processor, bandwidth. All of it is nothing with the broker in memory. */
import type { Part } from '../row.ts';

export const REDIS: Part = {
  title: 'Redis',
  rows: [
    {
      name: 'redis_memory',
      unit: 'bytes',
      says: 'used memory',
      formula:
        'with_redis × (topics × (redis_topic_bytes + payload + (retained_messages − 1) × (payload + redis_message_bytes)) + connections × redis_session_bytes)',
      margin: '',
    },
    {
      name: 'redis_maxmemory',
      unit: 'bytes',
      says: 'maxmemory, with maxmemory-policy noeviction',
      formula: 'redis_memory × memory_margin',
      margin: 'memory_margin; beyond it publishes are refused',
    },
    {
      name: 'redis_machine_memory',
      unit: 'bytes',
      says: 'memory of its machine',
      formula: 'redis_maxmemory × fork_margin',
      margin: 'fork_margin, while it saves',
    },
    {
      name: 'redis_cores',
      unit: 'cores',
      says: 'its processor time',
      formula:
        'with_redis × (publish_rate × (redis_server_turn_us + redis_server_publish_us + max(0, reader_nodes − 1) × redis_server_follow_us) + nodes × redis_server_idle_us) ÷ us_per_s',
      margin: 'every publication in a call of its own: under load nodes send many in one',
    },
    {
      name: 'redis_primaries',
      unit: 'count',
      says: 'primaries; more than one is a cluster',
      formula: 'with_redis × max(1, ceil(redis_cores ÷ redis_cpu_share))',
      margin: 'redis_cpu_share of the core of each',
    },
    {
      name: 'redis_in',
      unit: 'bits/s',
      says: 'bandwidth into Redis',
      formula: 'with_redis × publish_rate × (payload + redis_in_bytes + packet_bytes) × bits',
      margin: '',
    },
    {
      name: 'redis_out',
      unit: 'bits/s',
      says: 'bandwidth out of Redis',
      formula: 'with_redis × publish_rate × max(1, reader_nodes) × (payload + redis_out_bytes + packet_bytes) × bits',
      margin: 'without replicas: each takes as much as comes in',
    },
  ],
};

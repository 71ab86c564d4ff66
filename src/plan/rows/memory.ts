/** Memory of a node, while others are away. */
import type { Part } from '../row.ts';

export const MEMORY: Part = {
  title: 'Memory of a node',
  rows: [
    {
      name: 'most_connections',
      unit: 'count',
      says: 'connections of a node while nodes_lost are away',
      formula: 'connections ÷ nodes_left',
      margin: 'websocket.max_connections must be above it',
    },
    {
      name: 'node_topics',
      unit: 'count',
      says: 'topics that a node has open',
      formula: 'min(topics, with_redis × most_connections × subscriptions + (1 − with_redis) × topics)',
      margin: '',
    },
    {
      name: 'connection_memory',
      unit: 'bytes',
      says: 'connections and their subscriptions, in the process',
      formula: 'most_connections × (connection_bytes + subscriptions × subscription_bytes)',
      margin: '',
    },
    {
      name: 'kept_memory',
      unit: 'bytes',
      says: 'messages of these topics beyond the newest',
      formula: 'node_topics × (retained_messages − 1) × (payload + message_bytes)',
      margin: '',
    },
    {
      name: 'log_memory',
      unit: 'bytes',
      says: 'topics, and their messages: all that are kept, or with Redis the newest',
      formula:
        'node_topics × (topic_bytes + payload) + min(kept_memory, with_redis × tails_total_bytes + (1 − with_redis) × kept_memory)',
      margin: 'with Redis at most redis.tails_total_bytes of messages; without, topics.total_bytes must be above it',
    },
    {
      name: 'resident_memory',
      unit: 'bytes',
      says: 'the process (VmRSS)',
      formula: 'node_bytes + connection_memory + log_memory',
      margin: '',
    },
    {
      name: 'kernel_memory',
      unit: 'bytes',
      says: 'its connections in the kernel, which the limit of a container counts',
      formula: 'most_connections × connection_kernel_bytes',
      margin: '',
    },
    {
      name: 'node_memory',
      unit: 'bytes',
      says: 'memory to ask for (requests.memory)',
      formula: '(resident_memory + kernel_memory) × memory_margin',
      margin: 'memory_margin',
    },
    {
      name: 'node_memory_limit',
      unit: 'bytes',
      says: 'memory at most (limits.memory, MemoryMax)',
      formula: 'node_memory + mailboxes_total_bytes',
      margin: 'all mailboxes full',
    },
  ],
};

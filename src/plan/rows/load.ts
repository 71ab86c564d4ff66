/** What the target means for a connection, and what a publication and a delivery cost. */
import type { Part } from '../row.ts';

export const LOAD: Part = {
  title: 'Load',
  rows: [
    {
      name: 'deliveries_per_second',
      unit: '1/s',
      says: 'deliveries',
      formula: 'publish_rate × fan_out',
      margin: '',
    },
    {
      name: 'subscriptions',
      unit: 'count',
      says: 'subscriptions of a connection',
      formula: 'topics × fan_out ÷ connections',
      margin: '',
    },
    {
      name: 'retained_messages',
      unit: 'count',
      says: 'messages kept of a topic',
      formula: 'max(1, min(retention_messages, publish_rate × retention_secs ÷ topics))',
      margin: 'all topics alike; those that get more keep up to retention_messages',
    },
    {
      name: 'joined',
      unit: 'count',
      says: 'deliveries that share a write to a connection',
      formula: '1 + deliveries_per_second ÷ connections × join_secs',
      margin: 'a busy node joins more than this by itself',
    },
    {
      name: 'publication_us',
      unit: 'us',
      says: 'processor time of a publication, on the node that takes it',
      formula:
        'turn_us + publish_us + publish_kb_us × payload ÷ kib + with_redis × (redis_turn_us + redis_publication_us)',
      margin: 'every publication alone in its turn: a busy node takes several in one',
    },
    {
      name: 'delivery_us',
      unit: 'us',
      says: 'processor time of a delivery',
      formula:
        'write_us ÷ joined + with_batching × batched_message_us + (1 − with_batching) × message_us + message_kb_us × payload ÷ kib',
      margin: 'every delivery in a write of its own, unless join_secs says more',
    },
  ],
};

/** Bandwidth of a node, while others are away. */
import type { Part } from '../row.ts';

export const NETWORK: Part = {
  title: 'Network of a node',
  rows: [
    {
      name: 'network_out',
      unit: 'bits/s',
      says: 'to clients',
      formula:
        '(deliveries_per_second × (payload + frame_bytes + packet_bytes ÷ joined) + connections × heartbeat_bytes ÷ heartbeat_secs) × bits ÷ nodes_left',
      margin: 'without TLS (22 bytes a record) and without compression',
    },
    {
      name: 'network_in',
      unit: 'bits/s',
      says: 'from clients',
      formula:
        '(publish_rate × (payload + publish_frame_bytes + packet_bytes) + (deliveries_per_second ÷ joined + connections ÷ heartbeat_secs) × packet_bytes) × bits ÷ nodes_left',
      margin: 'every packet confirmed by one of its own',
    },
    {
      name: 'packets_out',
      unit: '1/s',
      says: 'packets to clients',
      formula: '(deliveries_per_second ÷ joined + publish_rate + connections ÷ heartbeat_secs) ÷ nodes_left',
      margin: '',
    },
  ],
};

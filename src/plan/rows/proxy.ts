/** Settings of the proxies (deploy/nginx, deploy/haproxy). */
import type { Part } from '../row.ts';

export const PROXY: Part = {
  title: 'Proxies',
  rows: [
    {
      name: 'proxy_connections',
      unit: 'count',
      says: 'worker_connections of all workers of a proxy, maxconn: each client takes two',
      formula: 'ceil(connections × 2 ÷ max(1, proxies − 1) × descriptor_margin)',
      margin: 'descriptor_margin, and one proxy away',
    },
    {
      name: 'proxy_idle_secs',
      unit: 's',
      says: 'proxy_read_timeout, timeout tunnel: silence that a proxy allows',
      formula: 'max(client_timeout_secs, heartbeat_secs) × 1.5',
      margin: 'half as much again as the server allows a client',
    },
  ],
};

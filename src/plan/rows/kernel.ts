/** Settings of the kernels of nodes and proxies (deploy/sysctl). */
import type { Part } from '../row.ts';

export const KERNEL: Part = {
  title: 'Kernel',
  rows: [
    {
      name: 'nofile',
      unit: 'count',
      says: 'descriptors of a node (LimitNOFILE, ulimit -n)',
      formula: 'ceil(most_connections × descriptor_margin + other_descriptors)',
      margin: 'descriptor_margin and other_descriptors',
    },
    {
      name: 'tcp_max_syn_backlog',
      unit: 'count',
      says: 'handshakes of TCP under way, of a node and of a proxy: those of a second of a storm',
      formula: 'ceil(storm_arrivals × one_second)',
      margin: 'a second',
    },
    {
      name: 'somaxconn',
      unit: 'count',
      says: 'net.core.somaxconn of a proxy: new connections of a tenth of such a second (a node takes 512 whatever it says)',
      formula: 'ceil(max(4096, storm_arrivals × nodes_left ÷ max(1, proxies − 1) × one_second ÷ 10))',
      margin: 'the 4,096 of Linux is enough for most',
    },
    {
      name: 'node_ports',
      unit: 'count',
      says: 'local ports that a proxy uses for one node (net.ipv4.ip_local_port_range)',
      formula: 'most_connections ÷ max(1, proxies − 1)',
      margin: 'one proxy may be away; the kernel gives local_ports for each address of a node',
    },
    {
      name: 'proxies_for_ports',
      unit: 'count',
      says: 'proxies that these ports need',
      formula: 'ceil(most_connections ÷ local_ports) + 1',
      margin: 'one more, which may be away',
    },
    {
      name: 'conntrack_max',
      unit: 'count',
      says: 'net.netfilter.nf_conntrack_max of a proxy: each client twice',
      formula: 'ceil(connections × 2 ÷ max(1, proxies − 1) × descriptor_margin)',
      margin: 'descriptor_margin, and one proxy away',
    },
  ],
};

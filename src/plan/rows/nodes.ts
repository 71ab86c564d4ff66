/** How many nodes, and what each has to do. */
import type { Part } from '../row.ts';

export const NODES: Part = {
  title: 'Nodes',
  rows: [
    {
      name: 'work_cores',
      unit: 'cores',
      says: 'work of all nodes together, but what each does for itself',
      formula:
        '(publish_rate × publication_us + deliveries_per_second × delivery_us + connections ÷ heartbeat_secs × idle_connection_us) ÷ us_per_s',
      margin: '',
    },
    {
      name: 'follow_cores',
      unit: 'cores',
      says: 'what a node does to follow all topics of the others',
      formula: 'with_redis × publish_rate × redis_follow_us ÷ us_per_s',
      margin: '',
    },
    {
      name: 'own_share',
      unit: 'share',
      says: 'of its core that a node uses at rest',
      formula: '(idle_us + with_redis × redis_idle_us) ÷ us_per_s',
      margin: '',
    },
    {
      name: 'nodes_for_work',
      unit: 'count',
      says: 'nodes that the work needs',
      formula:
        'ceil(min((work_cores + follow_cores × fan_out) ÷ max(0, cpu_share − own_share), work_cores ÷ max(0, cpu_share − own_share − follow_cores)))',
      margin:
        'cpu_share of each core; a publication costs every node that has a subscriber, at most fan_out nodes or all',
    },
    {
      name: 'nodes_for_connections',
      unit: 'count',
      says: 'nodes that the connections need',
      formula: 'ceil(connections ÷ max_connections)',
      margin: 'without those that may be away',
    },
    {
      name: 'nodes',
      unit: 'count',
      says: 'nodes; each is a process on a core of its own',
      formula: 'max(1, nodes_for_work, nodes_for_connections) + nodes_lost',
      margin: 'nodes_lost of them may be away',
    },
    {
      name: 'nodes_left',
      unit: 'count',
      says: 'nodes that serve while nodes_lost are away',
      formula: 'nodes − nodes_lost',
      margin: '',
    },
    {
      name: 'node_connections',
      unit: 'count',
      says: 'connections of a node',
      formula: 'connections ÷ nodes',
      margin: 'spread evenly, by least connections',
    },
    {
      name: 'reader_nodes',
      unit: 'count',
      says: 'nodes that a publication goes to',
      formula: 'min(nodes, fan_out)',
      margin: 'no two of its subscribers on one node, unless there are more than nodes',
    },
    {
      name: 'node_cores',
      unit: 'share',
      says: 'of its core that a node uses',
      formula: '(work_cores + follow_cores × reader_nodes) ÷ nodes + own_share',
      margin: 'to 100 %',
    },
  ],
};

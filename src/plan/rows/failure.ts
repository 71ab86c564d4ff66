/** A node is lost; all clients come back at once; every node is replaced, one after the other. */
import type { Part } from '../row.ts';

export const LOSS: Part = {
  title: 'A node is lost',
  rows: [
    {
      name: 'lost_connections',
      unit: 'count',
      says: 'clients that come back elsewhere',
      formula: 'nodes_lost × node_connections',
      margin: '',
    },
    {
      name: 'more_connections',
      unit: 'count',
      says: 'more connections of every node that is left',
      formula: 'most_connections − node_connections',
      margin: '',
    },
    {
      name: 'lost_node_cores',
      unit: 'share',
      says: 'of its core that a node uses meanwhile',
      formula: '(work_cores + follow_cores × min(reader_nodes, nodes_left)) ÷ nodes_left + own_share',
      margin: 'to 100 %',
    },
  ],
};

export const STORM: Part = {
  title: 'Reconnect storm',
  rows: [
    {
      name: 'missed_messages',
      unit: 'count',
      says: 'messages that a client missed while it was away',
      formula: 'deliveries_per_second ÷ connections × back_off_secs',
      margin: 'as long as the first pause of the client library at most; more where retries are needed',
    },
    {
      name: 'return_us',
      unit: 'us',
      says: 'processor time of one that comes back',
      formula:
        'resume_us + subscriptions × subscribe_us + with_redis × redis_connect_us + missed_messages × (replay_us + message_kb_us × payload ÷ kib)',
      margin: 'its token is known; one that is new costs accept_us instead of resume_us',
    },
    {
      name: 'storm_rate',
      unit: '1/s',
      says: 'clients that a node takes back',
      formula: 'min(accepts_per_second, max(0, 1 − lost_node_cores) × us_per_s ÷ return_us)',
      margin: 'what the load leaves of the core, and not above websocket.accepts_per_second',
    },
    {
      name: 'storm_secs',
      unit: 's',
      says: 'until all clients of the lost nodes are back',
      formula: 'back_off_secs + lost_connections ÷ nodes_left ÷ storm_rate',
      margin: 'back-off of the client library: first pause up to back_off_secs, doubled up to 30 s when refused',
    },
    {
      name: 'full_storm_secs',
      unit: 's',
      says: 'until all clients are back after a failure of everything',
      formula:
        'back_off_secs + connections ÷ nodes ÷ min(accepts_per_second, us_per_s ÷ (accept_us + subscriptions × subscribe_us + with_redis × redis_connect_us))',
      margin: 'tokens are new to nodes that have just started; nothing else to do meanwhile',
    },
    {
      name: 'storm_arrivals',
      unit: '1/s',
      says: 'handshakes that come to a node in the first moments',
      formula: 'lost_connections ÷ nodes_left ÷ back_off_secs',
      margin: 'those that are refused are told when to come back',
    },
    {
      name: 'queue_secs',
      unit: 's',
      says: 'a node may be busy for so long before its queue of finished handshakes is full',
      formula: 'accept_queue ÷ storm_arrivals',
      margin: 'then the kernel lets clients try again',
    },
    {
      name: 'storm_redis_cores',
      unit: 'share',
      says: 'of its core that Redis uses meanwhile, to store their sessions',
      formula: 'with_redis × storm_rate × nodes_left × redis_server_connect_us ÷ us_per_s ÷ max(1, redis_primaries)',
      margin: 'beside redis_cores; above 100 % sessions are stored later, and nobody waits for them',
    },
  ],
};

export const UPDATE: Part = {
  title: 'Rolling update',
  rows: [
    {
      name: 'drain_secs',
      unit: 's',
      says: 'a node drains',
      formula:
        'min(grace_secs × drain_spread, node_connections ÷ closes_per_second) + min(grace_secs × drain_margin, longest_drain_margin)',
      margin: 'grace_secs at most, then the last are closed by force',
    },
    {
      name: 'drain_rate',
      unit: '1/s',
      says: 'clients that a node sends away',
      formula: 'max(closes_per_second, node_connections ÷ (grace_secs × drain_spread))',
      margin: 'above closes_per_second where grace_secs would not be enough',
    },
    {
      name: 'termination_secs',
      unit: 's',
      says: 'terminationGracePeriodSeconds, TimeoutStopSec',
      formula: 'pre_stop_secs + grace_secs + kill_margin_secs',
      margin: 'kill_margin_secs',
    },
    {
      name: 'update_node_cores',
      unit: 'share',
      says: 'of its core that every other node uses to take these clients',
      formula: 'drain_rate × return_us ÷ us_per_s ÷ max(1, nodes − 1)',
      margin: 'beside lost_node_cores',
    },
    {
      name: 'update_secs',
      unit: 's',
      says: 'all nodes are replaced, one after the other',
      formula: 'nodes × (pre_stop_secs + drain_secs + start_secs + ready_secs)',
      margin: '',
    },
  ],
};

/** The metrics that only a node with Redis has. */
import type { SharedStoreGauges } from './gauges.ts';
import { counter, gauge, one, type MetricEntry, type Read } from './metric-entry.ts';

const TROUBLES = ['away', 'unfit', 'full', 'slow'];
const LINK_STATES = ['connecting', 'checking', 'unfit', 'closed', 'open', 'half_open'];

export const REDIS_METRICS: readonly MetricEntry[] = [
  gauge(
    'redis_link_state',
    'The link to Redis: 1 for the current state; closed is the one in which commands are sent.',
    ['state'],
    (_, { sharedStore: store }) =>
      store === null ? [] : LINK_STATES.map((name) => one(name === store.state ? 1 : 0, { state: name })),
    'max',
  ),
  gauge(
    'redis_listening',
    'Whether the connection that publications come by is up.',
    [],
    ofRedis(({ isListening }) => Number(isListening)),
    'min',
  ),
  gauge(
    'redis_trouble',
    'What is wrong with Redis: 1 for what it is now (away, unfit, full: the node is not ready; slow: it is).',
    ['trouble'],
    (_, { sharedStore: store }) =>
      store === null ? [] : TROUBLES.map((name) => one(name === store.trouble ? 1 : 0, { trouble: name })),
    'max',
  ),
  gauge(
    'redis_latency_seconds',
    'From a PING to its answer, the median of the last minute; the time that this process was busy meanwhile is in it.',
    [],
    ofRedis(({ latencySeconds }) => latencySeconds),
    'max',
  ),
  counter(
    'redis_emptied_total',
    'Times that everything that Redis kept was gone: it was emptied, or started anew without its data.',
    [],
    ofRedis(({ emptied }) => emptied),
  ),
  counter(
    'redis_connections_lost_total',
    'Connections for commands that broke.',
    [],
    ofRedis(({ lost }) => lost),
  ),
  counter(
    'redis_timeouts_total',
    'Commands that were not answered in time.',
    [],
    ofRedis(({ timeouts }) => timeouts),
  ),
  counter(
    'redis_refused_total',
    'Commands not sent because the link was down.',
    [],
    ofRedis(({ refused }) => refused),
  ),
  gauge(
    'redis_pending_publishes',
    'Publishes that wait for an answer.',
    [],
    ofRedis(({ pending }) => pending),
  ),
  gauge(
    'redis_followed_topics',
    'Topics that this node follows.',
    [],
    ofRedis(({ followedTopics }) => followedTopics),
  ),
  gauge(
    'redis_tail_bytes',
    'Memory of their newest messages.',
    [],
    ofRedis(({ tailBytes }) => tailBytes),
  ),
  counter(
    'redis_log_reads_total',
    'Pages of logs read from Redis.',
    [],
    ofRedis(({ reads }) => reads),
  ),
  counter(
    'redis_tail_reads_total',
    'Pages of logs read from memory instead.',
    [],
    ofRedis(({ tailReads }) => tailReads),
  ),
  counter(
    'redis_holes_total',
    'Holes found in the publications that came.',
    [],
    ofRedis(({ holes }) => holes),
  ),
  counter(
    'redis_filled_total',
    'Messages read from logs to fill holes.',
    [],
    ofRedis(({ filled }) => filled),
  ),
  counter(
    'redis_skipped_total',
    'Messages of long holes, left to the subscribers that need them.',
    [],
    ofRedis(({ skipped }) => skipped),
  ),
  counter(
    'redis_epoch_changes_total',
    'Topics whose log went on under a new epoch: another primary, or a lost stream.',
    [],
    ofRedis(({ epochChanges }) => epochChanges),
  ),
  counter(
    'redis_compared_total',
    'Comparisons of topics with their logs.',
    [],
    ofRedis(({ compared }) => compared),
  ),
  gauge(
    'redis_sessions_waiting',
    'Sessions that wait to be written.',
    [],
    ofRedis(({ sessionsWaiting }) => sessionsWaiting),
  ),
  counter(
    'redis_sessions_dropped_total',
    'Sessions that were not written because too many waited.',
    [],
    ofRedis(({ sessionsDropped }) => sessionsDropped),
  ),
];

function ofRedis(pick: (store: SharedStoreGauges) => number): Read {
  return (_, { sharedStore }) => (sharedStore === null ? [] : [one(pick(sharedStore))]);
}

/** The metrics that only a node has of which an application uses the database. */
import type { DatabaseGauges } from './gauges.ts';
import { buckets, counter, gauge, one, type MetricEntry, type Read, type Sample } from './metric-entry.ts';

const SECONDS = 'signalbox_database_query_seconds';

export const DATABASE_METRICS: readonly MetricEntry[] = [
  gauge(
    'database_up',
    'Whether the database answers, and has the tables of the applications.',
    ['driver'],
    ofDatabase(({ name, isUp }) => [one(Number(isUp), { driver: name })]),
    'min',
  ),
  gauge(
    'database_connections',
    'Connections of the pool, by state.',
    ['state'],
    ofDatabase(({ idle, busy }) => [one(idle, { state: 'idle' }), one(busy, { state: 'busy' })]),
  ),
  gauge(
    'database_waiting',
    'Queries and transactions that wait for a connection.',
    [],
    ofDatabase(({ waiting }) => [one(waiting)]),
  ),
  counter(
    'database_connections_lost_total',
    'Connections that broke: the server, or somebody on the way, ended them.',
    [],
    ofDatabase(({ lost }) => [one(lost)]),
  ),
  counter(
    'database_failures_total',
    'What the database did not do, by reason: away, exhausted (no connection became free), timeout, conflict, unknown (no answer came), constraint, refused (a wrong statement).',
    ['reason'],
    ofDatabase(({ failures }) => [...failures].map(([reason, value]) => one(value, { reason }))),
  ),
  {
    name: SECONDS,
    type: 'histogram',
    help: 'From a statement to its answer, without the wait for a connection.',
    labels: [],
    across: 'sum',
    read: ofDatabase(({ seconds }) => buckets(SECONDS, seconds)),
  },
  counter(
    'database_batches_total',
    'Transactions in which several requests were stored together.',
    [],
    ofDatabase(({ batches }) => [one(batches)]),
  ),
  counter(
    'database_batched_total',
    'Requests that were stored in them.',
    [],
    ofDatabase(({ batched }) => [one(batched)]),
  ),
];

function ofDatabase(pick: (database: DatabaseGauges) => Sample[]): Read {
  return (_, { database }) => (database === null ? [] : pick(database));
}

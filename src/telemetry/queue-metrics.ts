/** The metrics that only a node has of which an application uses queues. */
import type { Histogram } from './counters.ts';
import type { QueueGauges } from './gauges.ts';
import { buckets, counter, gauge, one, type MetricEntry, type Read, type Sample } from './metric-entry.ts';

export const QUEUE_METRICS: readonly MetricEntry[] = [
  gauge(
    'queue_up',
    'Whether the broker of queues takes messages.',
    ['kind'],
    (_, { queues }) => (queues === null ? [] : [one(Number(queues.isUp), { kind: queues.kind })]),
    'min',
  ),
  gauge(
    'queue_messages',
    'Messages of a queue, of all nodes together, by state: ready, unacknowledged (in the hands of a handler), later (they wait for their next attempt), dead. As it was at most 5 s ago.',
    ['queue', 'state'],
    each(({ name, depth }) => depth.map(([state, value]) => one(value, { queue: name, state }))),
    'max',
  ),
  counter(
    'queue_puts_total',
    'Messages that this node has put in, by outcome: taken, unavailable, full, too_large, invalid.',
    ['queue', 'outcome'],
    each(({ name, puts }) => byOutcome(name, puts)),
  ),
  counter(
    'queue_handled_total',
    'Messages that this node has handled, by outcome: done, retried, dead, lost (its hold on them ended first).',
    ['queue', 'outcome'],
    each(({ name, outcomes }) => byOutcome(name, outcomes)),
  ),
  ofSeconds('queue_handling_seconds', 'How long handlers take for a message.', ({ seconds }) => seconds),
  ofSeconds(
    'queue_waiting_seconds',
    'From being put into a queue to being handed to a handler for the first time.',
    ({ waits }) => waits,
  ),
];

function each(pick: (queue: QueueGauges) => readonly Sample[]): Read {
  return (_, { queues }) => (queues?.queues ?? []).flatMap(pick);
}

function byOutcome(queue: string, counts: ReadonlyMap<string, number>): Sample[] {
  return [...counts].map(([outcome, value]) => one(value, { queue, outcome }));
}

function ofSeconds(name: string, help: string, pick: (queue: QueueGauges) => Histogram): MetricEntry {
  const full = `signalbox_${name}`;
  const read = each((queue) =>
    buckets(full, pick(queue)).map((sample) => ({ ...sample, labels: { ...sample.labels, queue: queue.name } })),
  );
  return { name: full, type: 'histogram', help, labels: ['queue'], across: 'sum', read };
}

/** The metrics that a parent of workers has beside the sums of theirs (metrics.ts). */
import type { MetricEntry, Sample } from './metric-entry.ts';

/** What is read off the parent's workers. */
export interface WorkerGauges {
  readonly name: string;
  readonly state: string;
  readonly restarts: number;
}

export interface WorkerMetricEntry extends Omit<MetricEntry, 'read'> {
  readonly read: (workers: readonly WorkerGauges[]) => Sample[];
}

const STATES = ['starting', 'serving', 'draining', 'waiting', 'gone'];

export const WORKER_METRICS: readonly WorkerMetricEntry[] = [
  {
    name: 'signalbox_workers',
    type: 'gauge',
    help: 'Workers by state; waiting is the pause after a crash, gone is drained by an operator.',
    labels: ['state'],
    across: 'sum',
    read: (workers) =>
      STATES.map((state) => ({ value: workers.filter((it) => it.state === state).length, labels: { state } })),
  },
  {
    name: 'signalbox_worker_restarts_total',
    type: 'counter',
    help: 'Workers started again after a crash.',
    labels: ['worker'],
    across: 'sum',
    read: (workers) => workers.map(({ name, restarts }) => ({ value: restarts, labels: { worker: name } })),
  },
];

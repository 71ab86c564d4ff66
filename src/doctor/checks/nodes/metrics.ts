/** Whether anybody reads the metrics of the nodes. */
import type { Check } from '../../check.ts';
import { eachNode } from '../../each-node.ts';
import { warn, type Observation } from '../../finding.ts';

/** Several intervals of a Prometheus that asks seldom. */
const SILENT_SECS = 180;

export const nodesMetrics: Check = {
  name: 'nodes.metrics',
  looksAt: 'Whether metrics are served, and whether anybody has asked for /metrics in the last three minutes.',
  needs: ['admin'],
  run: (patient) =>
    eachNode(
      patient,
      ({ scrapes, configuration }): readonly Observation[] => {
        const enabled = configuration?.['metrics.enabled'];
        if (enabled !== undefined && 'value' in enabled && enabled.value === false)
          return [warn('metrics.enabled is false: /metrics answers 404', 'metrics.enabled = true')];
        // Of workers the parent is asked.
        if (!scrapes || scrapes.silent_secs < SILENT_SECS) return [];
        const since = scrapes.count === 0 ? 'since the start' : `since the last of ${scrapes.count} times`;
        return [
          warn(
            `nobody has asked for /metrics for ${scrapes.silent_secs} s, ${since}`,
            'from the machine of Prometheus: curl the address of this node with /metrics; the job is in deploy/prometheus/prometheus.yml, the ServiceMonitor in k8s/components/monitoring',
          ),
        ];
      },
      (nodes) => {
        const counts = nodes.flatMap(({ scrapes }) => scrapes?.count ?? []);
        return counts.length === 0
          ? null
          : `/metrics was asked for ${Math.min(...counts)} times since the start at least`;
      },
    ),
};

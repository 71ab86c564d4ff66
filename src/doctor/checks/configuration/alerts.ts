/** Whether alerts of the nodes reach somebody. */
import type { Check } from '../../check.ts';
import { factsOf, type NodeFacts } from '../../facts.ts';
import { ok, warn, type Observation } from '../../finding.ts';

export const configurationAlerts: Check = {
  name: 'configuration.alerts',
  looksAt: 'Where alerts go (`admin.alert_webhook`), and whether the webhook took those that there were.',
  needs: [],
  run: async (patient) => {
    const { nodes } = await factsOf(patient);
    const config = patient.configuration?.config ?? null;
    if (nodes.length === 0 && config === null) return [];
    const lost = nodes.flatMap(lostAlerts);
    if (lost.length > 0) return lost;
    const isPosted =
      nodes.length === 0
        ? config?.admin.alert_webhook !== undefined
        : nodes.every(({ configuration }) => configuration?.['admin.alert_webhook'] !== undefined);
    const raised = nodes.reduce((sum, { alerts }) => sum + (alerts?.raised ?? 0), 0);
    const where = isPosted
      ? 'posted to admin.alert_webhook'
      : 'lines of the log ("alert":"critical") alone: admin.alert_webhook is not set';
    return [ok(`alerts are ${where}${nodes.length === 0 ? '' : `, ${raised} since the start`}`)];
  },
};

function lostAlerts({ node, alerts }: NodeFacts): readonly Observation[] {
  if (alerts === undefined || alerts.lost === 0) return [];
  return [
    warn(
      `${node}: ${alerts.lost} of ${alerts.raised} alerts did not reach admin.alert_webhook: ${alerts.last_problem ?? ''}`,
      'post to that URL from this machine with curl; correct admin.alert_webhook, or what answers there',
    ),
  ];
}

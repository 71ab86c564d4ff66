/** What applications say of themselves: the queue of webhooks, the storage of uploads, the keys of credentials. */
import type { Check } from '../../check.ts';
import { eachNode } from '../../each-node.ts';
import { fail, warn, type Observation } from '../../finding.ts';

/** Where to look, by application. */
const CURES: Readonly<Record<string, string>> = {
  webhooks: './signalbox webhooks dead, and the log of the backend at apps.webhooks.url',
  tenants:
    'put the key that is missing back into apps.tenants.seal_keys, behind the first: ./signalbox tenants reseal replaces it',
  media: 'look at the disk of apps.media.folder, or at the S3 of apps.media.s3_endpoint',
};

const appsHealth: Check = {
  name: 'apps.health',
  looksAt:
    'What applications say of themselves: whether the backend of webhooks answers and its queue moves, whether uploads can be stored, whether credentials of tenants can be opened.',
  needs: ['admin'],
  run: (patient) =>
    eachNode(
      patient,
      ({ apps = {} }): readonly Observation[] =>
        Object.entries(apps).flatMap(([app, { status, detail = 'it says no more' }]) => {
          if (status === 'healthy') return [];
          const says = `${app} is ${status}: ${detail}`;
          const cure = CURES[app] ?? `look at the lines of ${app} in the log`;
          return [status === 'unhealthy' ? fail(says, cure) : warn(says, cure)];
        }),
      (nodes) => {
        const names = [...new Set(nodes.flatMap(({ apps }) => Object.keys(apps ?? {})))];
        return names.length === 0 ? null : `${names.join(', ')} say that they are well`;
      },
    ),
};

export const APP_CHECKS: readonly Check[] = [appsHealth];

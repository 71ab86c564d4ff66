/** What applications say of themselves: the queue of webhooks, the storage of uploads, the keys of credentials, the provider of the assistant. */
import type { Check } from '../../check.ts';
import { eachNode } from '../../each-node.ts';
import { fail, warn, type Observation } from '../../finding.ts';
import { appsBridge, bridgeRows } from './bridge.ts';

/** Where to look, by application. */
const CURES: Readonly<Record<string, string>> = {
  webhooks: './signalbox webhooks dead, and the log of the backend at apps.webhooks.url',
  tenants:
    'put the key that is missing back into apps.tenants.seal_keys, behind the first: ./signalbox tenants reseal replaces it',
  media: 'look at the disk of apps.media.folder, or at the S3 of apps.media.s3_endpoint',
};
/** By a word of the sentence, where an application has several things that can be wrong. */
const CURES_OF_ASSISTANT: readonly (readonly [says: RegExp, cure: string])[] = [
  [
    /refuses the key/,
    'make a new key at the provider, and set SIGNALBOX_APPS_ASSISTANT_KEY; of Bedrock, look at the role of the machine',
  ],
  [
    /its model/,
    'look whether the provider has apps.assistant.model (of Bedrock, in apps.assistant.region), and at max_answer_tokens',
  ],
  [
    /is slow/,
    'look at the status page of the provider, or choose a smaller model; apps.assistant.first_delta_ms and answer_ms cut it off',
  ],
  [/no room/, 'raise the quota at the provider, or lower apps.assistant.at_once'],
  [/are spent/, 'raise apps.assistant.tokens_per_day, or leave it: the day ends at midnight UTC'],
  [
    /./,
    'curl -sI the address of apps.assistant.base_url from this machine, and look at the status page of the provider',
  ],
];

function cureOf(app: string, detail: string): string {
  const ofAssistant = app === 'assistant' ? CURES_OF_ASSISTANT.find(([says]) => says.test(detail))?.[1] : undefined;
  return ofAssistant ?? CURES[app] ?? `look at the lines of ${app} in the log`;
}

const appsHealth: Check = {
  name: 'apps.health',
  looksAt:
    'What applications say of themselves: whether the backend of webhooks answers and its queue moves, whether uploads can be stored, whether credentials of tenants can be opened, what WhatsApp and Genesys refuse, whether the model of the assistant answers in time and takes its key.',
  needs: ['admin'],
  run: (patient) =>
    eachNode(
      patient,
      ({ apps = {} }): readonly Observation[] =>
        Object.entries(apps).flatMap(([app, { status, detail = 'it says no more' }]) => {
          if (status === 'healthy') return [];
          if (app === 'bridge') return bridgeRows(detail);
          const says = `${app} is ${status}: ${detail}`;
          const cure = cureOf(app, detail);
          return [status === 'unhealthy' ? fail(says, cure) : warn(says, cure)];
        }),
      (nodes) => {
        const names = [...new Set(nodes.flatMap(({ apps }) => Object.keys(apps ?? {})))];
        return names.length === 0 ? null : `${names.join(', ')} say that they are well`;
      },
    ),
};

export const APP_CHECKS: readonly Check[] = [appsHealth, appsBridge];

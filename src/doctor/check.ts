/** What a check is, and what it cannot do without. */
import type { Observation } from './finding.ts';
import type { Patient } from './patient.ts';

/** What a check needs, with the flag or the key that brings it. */
export const NEEDS = {
  configuration: 'a configuration (--config, --profile)',
  admin: 'a running node (--url http://…, --admin-token)',
  redis: 'redis.url, or a running node (--url http://…)',
  queue: 'an application that has a queue, or a running node (--url http://…)',
  database: 'an application that keeps something in the database, or a running node (--url http://…)',
  url: 'the way of clients (--url wss://…)',
  page: 'the origin of a page (--page https://…)',
  tokens: 'a token (--token JWT)',
  idle: 'the seconds that a connection may be silent (--idle SECS)',
  manifests: 'Kubernetes manifests (--manifests DIR)',
} as const;
export type Need = keyof typeof NEEDS;

export interface Check {
  /** `group.name`; the group is the folder that it stands in. */
  readonly name: string;
  /** For the reference page: what it looks at, one sentence. */
  readonly looksAt: string;
  readonly needs: readonly Need[];
  /** Changes nothing anywhere. No observation means that there is nothing to say here. */
  run(patient: Patient): Promise<readonly Observation[]> | readonly Observation[];
}

/** Which of its needs is missing, or `null`. */
export function missingNeed({ needs }: Check, patient: Patient): Need | null {
  return needs.find((need) => !IS_THERE[need](patient)) ?? null;
}

const IS_THERE: Readonly<Record<Need, (patient: Patient) => boolean>> = {
  configuration: ({ configuration }) => configuration !== null,
  admin: ({ views }) => views !== null,
  redis: ({ configuration, views }) => views !== null || configuration?.config?.redis.url !== undefined,
  database: ({ configuration, views }) =>
    views !== null || (configuration?.apps.some(({ app }) => app.database !== undefined) ?? false),
  queue: ({ configuration, views }) =>
    views !== null || (configuration?.apps.some(({ app }) => app.queues !== undefined) ?? false),
  url: ({ urls }) => urls.length > 0,
  page: ({ page }) => page !== null,
  tokens: ({ tokens }) => tokens.length > 0,
  idle: ({ idleMs }) => idleMs > 0,
  manifests: ({ manifests }) => manifests !== null,
};

/** What users are told beside the topic, because they do not hear it: it waits in their inboxes. */
import type { Refusal } from '../../../protocol/errors.ts';
import type { JsonValue } from '../../../protocol/frames.ts';
import type { Ports } from '../ports.ts';

export interface Notice {
  readonly user: string;
  readonly payload: JsonValue;
}

type Told = { readonly host: Pick<Ports['host'], 'directMessage' | 'isRefusal' | 'log'> };

/** Of these another try may help. */
const PASSING: ReadonlySet<string> = new Set<Refusal['reason']>(['log_unavailable', 'outcome_unknown']);

/**
 * @param key of the change: the same one when it is said again, so that each user gets it once
 * @returns whether nothing is left that another try could bring
 */
export async function tellNotices(
  { host }: Told,
  { tenant, from, key }: { readonly tenant: string; readonly from: string; readonly key: string },
  notices: readonly Notice[],
): Promise<boolean> {
  const answers = await Promise.all(
    notices.map(({ user, payload }) =>
      host.directMessage({ tenant, user }, { from, payload, idempotencyKey: `notice.${key}` }),
    ),
  );
  const refused = answers.flatMap((answer) => (host.isRefusal(answer) ? [answer.reason] : []));
  if (refused.length > 0)
    host.log.warn('Notices did not reach their users', { of: key, users: refused.length, because: refused[0] });
  return !refused.some((reason) => PASSING.has(reason));
}

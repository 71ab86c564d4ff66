/** Whether the messages of sessions are whole: the sequences of each have no hole, and each session has its conversation. */
import type { Ports } from '../ports.ts';
import type { Tables } from '../tables.ts';

export interface Verified {
  readonly sessions: number;
  /** `missing`: sequences without a message; `null` where there is no conversation at all. */
  readonly faults: readonly { readonly session: string; readonly missing: number | null }[];
  /** For the next part; `null` at the end. */
  readonly next: string | null;
}

const PART = 200;

/** @param after the `next` of the part before */
export async function verifySessions(
  { database, conversations }: Pick<Ports, 'database' | 'conversations'>,
  { tenant, after }: { readonly tenant: string; readonly after?: string | undefined },
): Promise<Verified> {
  const rows = await database
    .tables<Tables>()
    .selectFrom('sessions')
    .select('id')
    .where('tenant', '=', tenant)
    .where('id', '>', after ?? '')
    .orderBy('id')
    .limit(PART)
    .execute();
  const ids = rows.map(({ id }) => id);
  const missing = await conversations.missing(tenant, ids);
  const faults = ids
    .map((session) => ({ session, missing: missing.get(session) ?? null }))
    .filter((it) => it.missing !== 0);
  return { sessions: ids.length, faults, next: ids.length === PART ? (ids.at(-1) ?? null) : null };
}

/** The decisions of operators that hold on this node now: the answer to "who left it in this state, until when?". */
import type { RevocationView } from '../auth/revocations.ts';
import type { Rate } from '../limits/token-bucket.ts';
import type { Operations } from './operations.ts';

/** Revocations that are listed, the newest; all are counted. */
const MAX_LISTED = 50;

export interface InForce {
  readonly node: string;
  /** By the clock of the node, so that what is left can be told whatever the clock of the reader says. */
  readonly now: string;
  readonly mode: { readonly is: string; readonly until: string | null };
  readonly admission: { readonly admits: boolean; readonly until: string | null };
  readonly rates: Readonly<Record<RateName, RateInForce>>;
  readonly log_level: { readonly level: string; readonly until: string | null };
  readonly revocations: { readonly total: number; readonly newest: readonly RevocationView[] };
  readonly traced: readonly { readonly pattern: string; readonly until: string | null }[];
}

type RateName = 'connection_rps' | 'user_rps' | 'global_rps';

interface RateInForce {
  readonly per_second: number;
  /** What the configuration says. */
  readonly configured: number;
  readonly until: string | null;
}

export function inForce({ node, parts, reversions, configured }: Operations): InForce {
  const { mode, context } = node.parts;
  const { revocations } = parts.authenticator;
  const until = (kind: string): string | null => iso(reversions.until(kind));
  const rate = (name: RateName, { perSecond }: Rate): RateInForce => ({
    per_second: perSecond,
    configured: configured[name],
    until: until(name),
  });
  return {
    node: mode.name,
    now: new Date(context.clock.now()).toISOString(),
    mode: { is: mode.mode, until: until('emergency_mode') },
    admission: { admits: mode.isAdmitting, until: until('admission') },
    rates: {
      connection_rps: rate('connection_rps', context.limits.connectionRate),
      user_rps: rate('user_rps', context.users.rate),
      global_rps: rate('global_rps', context.nodeBucket.rate),
    },
    log_level: { level: parts.logLevels(), until: until('log_level') },
    revocations: { total: revocations.size, newest: revocations.newest(MAX_LISTED) },
    traced: context.router.tracing.list().map(({ pattern, until: end }) => ({ pattern, until: iso(end) })),
  };
}

function iso(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}

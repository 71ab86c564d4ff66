/** What goes wrong at the moment, by kind and tenant: the health of the bridge, and rows of `signalbox doctor` with a cure each. */
import { dropOldest } from '../../telemetry/drop-oldest.ts';
import type { Clock } from '../../telemetry/clock.ts';
import type { Health } from '../app.ts';

interface Entry {
  readonly says: string;
  readonly cure: string;
}

const TRACE = './signalbox bridge trace <id or number> <tenant> says which step it is at';

/** The failures of guide 002 that are the bridge's own. */
export const TROUBLES = {
  handshake: {
    says: "Meta's handshake came with another verify token",
    cure: 'type apps.bridge.verify_token into the console of Meta',
  },
  meta_signature: {
    says: 'webhooks of WhatsApp have a wrong signature',
    cure: 'compare the app secret of the tenant with that of the app at Meta; no proxy may change bodies: the log has their length and SHA-256',
  },
  genesys_signature: {
    says: 'webhooks of Genesys have a wrong signature',
    cure: 'compare webhookSecret of the tenant with the signature secret of the integration',
  },
  unknown_number: {
    says: 'webhooks are about a number of no tenant',
    cure: 'the log names the phone_number_id: add it to phoneNumberIds of its tenant',
  },
  queue_away: {
    says: 'webhooks were not taken in time, by the lookup of their tenant or by a queue: their senders come again',
    cure: 'look at the broker and at the database: ./signalbox doctor --only queue --only database',
  },
  genesys_token: {
    says: 'Genesys refuses the credentials',
    cure: 'GET /auth/token with X-Tenant-ID says how; put new credentials, and look at the region',
  },
  genesys_away: { says: 'Genesys does not answer, or answers with 5xx', cure: `messages are tried again; ${TRACE}` },
  genesys_refused: {
    says: 'Genesys refuses messages',
    cure: `look at the integration of the tenant; ${TRACE}`,
  },
  whatsapp_token: {
    says: 'WhatsApp refuses the access token',
    cure: 'make a new one at Meta and put it into the credentials of the tenant; dead letters can then be replayed',
  },
  whatsapp_limited: {
    says: 'WhatsApp takes no more messages at the moment',
    cure: 'lower apps.bridge.messages_per_second, or ask Meta for a higher tier of the number',
  },
  whatsapp_refused: {
    says: 'WhatsApp refuses messages',
    cure: `the dead letters have the reason; a customer who was silent for 24 hours takes templates alone; ${TRACE}`,
  },
  whatsapp_away: { says: 'WhatsApp does not answer, or answers with 5xx', cure: `messages are tried again; ${TRACE}` },
  answer_lost: {
    says: 'WhatsApp took calls and their answers were lost',
    cure: 'a status may still tell; what stays unknown is a dead letter, which a replay sends once more',
  },
  file: {
    says: 'files of customers could not be kept',
    cure: 'their texts have arrived; the log has the reason, and apps.bridge.media_bytes the bound',
  },
} as const satisfies Readonly<Record<string, Entry>>;

export type Trouble = keyof typeof TROUBLES;

/** So long after the last time it counts as over. */
const KEPT_MS = 600_000;
const MOST = 1_000;

export interface NamedTrouble extends Entry {
  readonly trouble: Trouble;
  /** Empty where none is known. */
  readonly tenant: string;
  readonly times: number;
}

interface Noted {
  readonly trouble: Trouble;
  readonly tenant: string;
  readonly times: number;
  readonly lastAt: number;
}

export class Troubles {
  private readonly clock: Pick<Clock, 'elapsed'>;
  private readonly noted = new Map<string, Noted>();

  constructor(clock: Pick<Clock, 'elapsed'>) {
    this.clock = clock;
  }

  /** @param tenant empty where none is known */
  note(trouble: Trouble, tenant: string): void {
    const key = `${trouble} ${tenant}`;
    const before = this.noted.get(key);
    const now = this.clock.elapsed();
    const times = before === undefined || now - before.lastAt > KEPT_MS ? 1 : before.times + 1;
    this.noted.delete(key);
    this.noted.set(key, { trouble, tenant, times, lastAt: now });
    dropOldest(this.noted, MOST);
  }

  /** It went well since. */
  over(trouble: Trouble, tenant: string): void {
    this.noted.delete(`${trouble} ${tenant}`);
  }

  health(): Health {
    const current = this.current();
    if (current.length === 0) return { status: 'healthy' };
    const kinds = new Map<Trouble, { times: number; readonly tenants: Set<string> }>();
    for (const { trouble, tenant, times } of current) {
      const kind = kinds.get(trouble) ?? { times: 0, tenants: new Set<string>() };
      kind.times += times;
      if (tenant !== '') kind.tenants.add(tenant);
      kinds.set(trouble, kind);
    }
    // Everybody may read it, so it names no tenant.
    const detail = [...kinds].map(
      ([trouble, { times, tenants }]) => `${trouble}: ${times} times${ofTenants(tenants.size)}`,
    );
    return { status: 'degraded', detail: detail.join('; ') };
  }

  /** For operators. @param only of one tenant, or of all for `''` */
  list(only: string): readonly NamedTrouble[] {
    return this.current()
      .filter(({ tenant }) => only === '' || tenant === only)
      .map(({ trouble, tenant, times }) => ({ trouble, tenant, times, ...TROUBLES[trouble] }));
  }

  private current(): readonly Noted[] {
    const now = this.clock.elapsed();
    return [...this.noted.values()].filter(({ lastAt }) => now - lastAt <= KEPT_MS);
  }
}

function ofTenants(count: number): string {
  if (count === 0) return '';
  return count === 1 ? ', of one tenant' : `, of ${count} tenants`;
}

/** The troubles that a detail of {@link Troubles.health} names. */
export function troublesIn(detail: string): readonly { readonly trouble: Trouble; readonly text: string }[] {
  return detail.split('; ').flatMap((text) => {
    const [name = ''] = text.split(/[ :]/, 1);
    return Object.hasOwn(TROUBLES, name) ? [{ trouble: name as Trouble, text }] : [];
  });
}

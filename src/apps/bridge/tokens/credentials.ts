/**
 * The credentials of tenants, opened: read once for all who ask, for a while, and anew when their tenant has changed or a side
 * does not accept them any more. They are in no log and in no answer.
 */
import type { Clock } from '../../../telemetry/clock.ts';
import { dropOldest } from '../../../telemetry/drop-oldest.ts';
import type { Tenants } from '../../tenants/public.ts';

/** Of the app at Meta and of the number. */
interface WhatsAppCredentials {
  readonly accessToken: string;
  readonly appSecret: string;
}

/** Of an OAuth client and of the integration. */
export interface GenesysCredentials {
  readonly clientId: string;
  readonly clientSecret: string;
  /** `mypurecloud.de`, say: a part of the names of hosts. */
  readonly region: string;
  readonly webhookSecret: string;
}

interface Kinds {
  readonly whatsapp: WhatsAppCredentials;
  readonly genesys: GenesysCredentials;
}

/** Fields that each kind has. */
const FIELDS = {
  whatsapp: ['accessToken', 'appSecret'],
  genesys: ['clientId', 'clientSecret', 'region', 'webhookSecret'],
} as const;

const AGE_MS = 60_000;
/** Credentials that were just read are not read again because a side refuses them. */
const RENEW_MS = 5_000;
const MOST = 10_000;
const REGION = /^[a-z0-9-]+(?:\.[a-z0-9-]+)+$/;

interface Known {
  readonly at: number;
  readonly value: Promise<object | null>;
}

export class Credentials {
  private readonly tenants: Tenants;
  private readonly clock: Pick<Clock, 'elapsed'>;
  private readonly known = new Map<string, Known>();

  constructor(tenants: Tenants, clock: Pick<Clock, 'elapsed'>) {
    this.tenants = tenants;
    this.clock = clock;
    tenants.onChange((id) => {
      for (const kind of ['whatsapp', 'genesys'] as const) this.known.delete(keyOf(kind, id));
    });
  }

  /** `null`: the tenant has none, or they lack a field. @throws when they do not open, or the database is away */
  async of<Kind extends keyof Kinds>(kind: Kind, tenant: string): Promise<Kinds[Kind] | null> {
    const key = keyOf(kind, tenant);
    const now = this.clock.elapsed();
    let known = this.known.get(key);
    if (known === undefined || now - known.at > AGE_MS) {
      known = { at: now, value: this.read(kind, tenant) };
      this.known.delete(key);
      this.known.set(key, known);
      dropOldest(this.known, MOST);
      known.value.catch(() => {
        if (this.known.get(key) === known) this.known.delete(key);
      });
    }
    return (await known.value) as Kinds[Kind] | null;
  }

  /** A side has refused them: they are read anew, at most every few seconds. */
  renew(kind: keyof Kinds, tenant: string): void {
    const key = keyOf(kind, tenant);
    const known = this.known.get(key);
    if (known !== undefined && this.clock.elapsed() - known.at > RENEW_MS) this.known.delete(key);
  }

  private async read(kind: keyof Kinds, tenant: string): Promise<object | null> {
    const given = await this.tenants.credentials(tenant, kind);
    if (given === null || FIELDS[kind].some((field) => (given[field] ?? '') === '')) return null;
    // It becomes a part of a URL that secrets are sent to.
    return kind === 'genesys' && !REGION.test(given['region'] ?? '') ? null : given;
  }
}

function keyOf(kind: keyof Kinds, tenant: string): string {
  return `${kind} ${tenant}`;
}

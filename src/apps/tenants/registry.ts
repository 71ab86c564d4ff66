/**
 * Tenants as a node knows them: read from the table, remembered, and forgotten on every node when one is changed. A node that
 * did not hear of a change finds it in the table, within `cache_secs`.
 */
import type { Selectable } from 'kysely';
import type { Database } from '../../database/database.ts';
import type { Host } from '../host-api.ts';
import { findKey } from './api-keys.ts';
import { Barred, changesSince } from './barred.ts';
import { findTenant, tenantOfHandle, tenantOfSubdomain } from './records.ts';
import { Remembered } from './remembered.ts';
import type { Tables } from './tables.ts';
import type { HandleKind, Status, Tenant } from './tenant.ts';

type KeyRow = Selectable<Tables['api_keys']>;

const CHANGED = 'changed';
/** How long an outage of the database may last before tenants are unknown. */
const STALE_MS = 3_600_000;

export interface RegistryOptions {
  readonly cacheSecs: number;
  readonly cacheSize: number;
}

export class Registry {
  readonly barred = new Barred();
  private readonly host: Pick<Host, 'clock' | 'emit'>;
  private readonly database: Database;
  private readonly tenants: Remembered<Tenant | null>;
  private readonly owners: Remembered<string | null>;
  private readonly keys: Remembered<KeyRow | null>;
  private readonly listeners: ((id: string) => void)[] = [];
  /** When the newest change was made that this node has seen in the table, and of which tenants it was. */
  private seenAt: number;
  private seen = new Set<string>();

  constructor(
    host: Pick<Host, 'clock' | 'emit' | 'on'>,
    database: Database,
    { cacheSecs, cacheSize }: RegistryOptions,
  ) {
    this.host = host;
    this.database = database;
    this.seenAt = host.clock.now();
    const bounds = {
      clock: host.clock,
      ageMs: cacheSecs * 1_000,
      staleMs: STALE_MS,
      capacity: cacheSize,
      isTemporary: (error: unknown) => database.isProblem(error) && error.isTemporary,
    };
    this.tenants = new Remembered({ ...bounds, load: (id) => this.load(id) });
    this.owners = new Remembered({ ...bounds, load: (name) => ownerOf(database, name) });
    this.keys = new Remembered({ ...bounds, load: (digest) => findKey(database, digest) });
    host.on(CHANGED, (data) => {
      if (typeof data !== 'object' || data === null || Array.isArray(data)) return;
      const { id, status } = data as { readonly id?: unknown; readonly status?: unknown };
      if (typeof id === 'string') this.forget(id, status as Status | null);
    });
  }

  /** The record, whatever its status; `null` for one that there is not, and for the default tenant, which has none. */
  get(id: string): Promise<Tenant | null> {
    return id === '' ? Promise.resolve(null) : this.tenants.get(id);
  }

  /** What this node remembers of it, without asking anybody; `undefined`: nothing. */
  known(id: string): Tenant | null | undefined {
    return this.tenants.known(id);
  }

  /** @param kind of the handle, or `subdomain` */
  async byName(kind: HandleKind | 'subdomain', id: string): Promise<Tenant | null> {
    const owner = await this.owners.get(`${kind} ${id}`);
    return owner === null ? null : this.get(owner);
  }

  /** An API key, also one that has ended. */
  byKey(digest: string): Promise<KeyRow | null> {
    return this.keys.get(digest);
  }

  /** Told on every node when a tenant was made or changed; on one that does not hear of it, when it finds the change in the table. */
  onChange(listener: (id: string) => void): void {
    this.listeners.push(listener);
  }

  /** After the commit: this node forgets at once, the others as soon as they hear of it. @param status when it may have changed */
  changed(id: string, status: Status | null = null): void {
    this.forget(id, status);
    this.host.emit(CHANGED, { id, status });
  }

  /** Looks in the table for changes that this node did not hear of. Called every `cache_secs`. */
  async catchUp(): Promise<void> {
    const changes = await changesSince(this.database, this.seenAt);
    const names = new Set(changes.map(({ id, at }) => `${id} ${at}`));
    for (const { id, status, at } of changes) {
      if (!this.seen.has(`${id} ${at}`)) this.forget(id, status);
      this.seenAt = Math.max(this.seenAt, at);
    }
    this.seen = names;
  }

  get size(): number {
    return this.tenants.size;
  }

  private async load(id: string): Promise<Tenant | null> {
    const tenant = await findTenant(this.database, id);
    if (tenant !== null) this.barred.learn(id, tenant.status);
    return tenant;
  }

  private forget(id: string, status: Status | null): void {
    if (status !== null) this.barred.learn(id, status);
    this.tenants.forget(id);
    this.owners.forgetWhere((owner) => owner === null || owner === id);
    this.keys.forgetWhere((key) => key === null || key.tenant === id);
    for (const listener of this.listeners) listener(id);
  }
}

function ownerOf(database: Database, name: string): Promise<string | null> {
  const space = name.indexOf(' ');
  const kind = name.slice(0, space) as HandleKind | 'subdomain';
  const id = name.slice(space + 1);
  return kind === 'subdomain' ? tenantOfSubdomain(database, id) : tenantOfHandle(database, kind, id);
}

/**
 * Tenants as a node knows them: read from the table, remembered, and forgotten on every node when one is changed. A node that
 * did not hear of a change believes the old record for `cache_secs` at most.
 */
import type { Database } from '../../database/database.ts';
import type { JsonValue } from '../../protocol/frames.ts';
import type { Host } from '../host-api.ts';
import { findTenant, tenantOfHandle, tenantOfSubdomain } from './records.ts';
import { Remembered } from './remembered.ts';
import type { HandleKind, Tenant } from './tenant.ts';

const CHANGED = 'changed';
/** How long an outage of the database may last before tenants are unknown. */
const STALE_MS = 3_600_000;

export interface RegistryOptions {
  readonly cacheSecs: number;
  readonly cacheSize: number;
}

export class Registry {
  private readonly host: Pick<Host, 'emit'>;
  private readonly tenants: Remembered<Tenant | null>;
  private readonly owners: Remembered<string | null>;
  private readonly listeners: ((id: string) => void)[] = [];

  constructor(
    host: Pick<Host, 'clock' | 'emit' | 'on'>,
    database: Database,
    { cacheSecs, cacheSize }: RegistryOptions,
  ) {
    this.host = host;
    const bounds = {
      clock: host.clock,
      ageMs: cacheSecs * 1_000,
      staleMs: STALE_MS,
      capacity: cacheSize,
      isTemporary: (error: unknown) => database.isProblem(error) && error.isTemporary,
    };
    this.tenants = new Remembered({ ...bounds, load: (id) => findTenant(database, id) });
    this.owners = new Remembered({ ...bounds, load: (name) => ownerOf(database, name) });
    host.on(CHANGED, (data) => {
      if (typeof data === 'string') this.forget(data);
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

  /** Told on every node when a tenant was made or changed; on one that does not hear of it, never. */
  onChange(listener: (id: string) => void): void {
    this.listeners.push(listener);
  }

  /** After the commit: this node forgets at once, the others as soon as they hear of it. */
  changed(id: string): void {
    this.forget(id);
    this.host.emit(CHANGED, id satisfies JsonValue);
  }

  /** Everything of one tenant that this node remembers, or of all. */
  clear(id?: string): void {
    if (id === undefined) this.tenants.forgetAll();
    else this.tenants.forget(id);
    this.owners.forgetAll();
  }

  get size(): number {
    return this.tenants.size;
  }

  private forget(id: string): void {
    this.clear(id);
    for (const listener of this.listeners) listener(id);
  }
}

function ownerOf(database: Database, name: string): Promise<string | null> {
  const space = name.indexOf(' ');
  const kind = name.slice(0, space) as HandleKind | 'subdomain';
  const id = name.slice(space + 1);
  return kind === 'subdomain' ? tenantOfSubdomain(database, id) : tenantOfHandle(database, kind, id);
}

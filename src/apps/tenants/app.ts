/** Tenants: customers of one installation who share nothing but the server (docs/tenants.md). */
import type { Database } from '../../database/database.ts';
import type { App } from '../app.ts';
import type { Host } from '../host-api.ts';
import { callers } from './identity.ts';
import type { Ports } from './ports.ts';
import { offeredBy } from './public.ts';
import { RefusedLines } from './refused-lines.ts';
import { Registry } from './registry.ts';
import { routes } from './routes.ts';
import { SealWatch } from './seal-watch.ts';
import { SealKeys } from './sealing.ts';
import { settings, type Settings } from './settings.ts';
import { MemoryMinuteCounter, Spending, type MinuteCounter } from './spending.ts';
import { upkeepOf } from './upkeep.ts';
import { verbs } from './verbs.ts';

export const app: App<Settings> = {
  name: 'tenants',
  settings,
  places: ['/tenants'],
  database: { migrations: new URL('./migrations/', import.meta.url) },
  verbs,
  start: async (host, given) => {
    const { database } = host;
    if (database === null) throw new Error('expected a database');
    const ports = await portsOf(host, database, given);
    const upkeep = upkeepOf(host, ports);
    const seals = new SealWatch(host, database, ports.keys);
    return {
      routes: routes(host, ports),
      callers: callers(ports),
      health: () => seals.health(),
      offers: offeredBy(ports),
      stop: async () => {
        await Promise.all([...upkeep, seals].map((one) => one.stop()));
      },
    };
  },
};

async function portsOf(host: Host, database: Database, given: Settings): Promise<Ports> {
  const bounds = { cacheSecs: given.cache_secs, cacheSize: given.cache_size };
  const registry = new Registry(host, database, bounds);
  host.gauge('remembered', 'Tenants that this node remembers.', () => registry.size);
  return {
    host,
    database,
    settings: given,
    registry,
    spending: new Spending(await counterOf(host, given)),
    clearShared: await clearingOf(host),
    refusedLines: new RefusedLines(host.log, host.clock),
    keys: given.seal_keys === undefined ? null : new SealKeys(given.seal_keys),
  };
}

async function counterOf(host: Host, given: Settings): Promise<MinuteCounter> {
  const { shared } = host;
  const alone = new MemoryMinuteCounter();
  if (shared === null) return alone;
  const { SharedMinuteCounter } = await import('./redis-minute-counter.ts');
  const failures = host.counter('counter_failures_total', 'Requests that were counted by this node alone.');
  return new SharedMinuteCounter(shared, given.counter_prefix, alone, () => failures.add());
}

/** Without a store that nodes share there is nothing to clear in it. */
async function clearingOf({ shared }: Host): Promise<Ports['clearShared']> {
  if (shared === null) return () => Promise.resolve(0);
  const { clearTenantKeys } = await import('./redis-cache.ts');
  return (tenant) => clearTenantKeys(shared, tenant);
}

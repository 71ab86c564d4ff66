/** Uploads: images and files that messages and profiles name, on a disk or in S3 (docs/media.md). */
import type { App } from '../app.ts';
import type { Host } from '../host-api.ts';
import { Cleaning } from './cleaning.ts';
import { DiskStorage } from './disk-storage.ts';
import { Links } from './links.ts';
import { offeredBy } from './public.ts';
import { PLACES, routes } from './routes.ts';
import { settings, type Settings } from './settings.ts';
import { StorageWatch } from './storage-watch.ts';
import type { Storage } from './storage.ts';

export const app: App<Settings> = {
  name: 'media',
  settings,
  places: PLACES,
  database: { migrations: new URL('./migrations/', import.meta.url) },
  start: async (host, given) => {
    const { database, clock } = host;
    if (database === null) throw new Error('expected a database');
    const storage = await openStorage(given, host);
    const links = new Links(database, clock, given.public_url ?? '');
    const ports = { host, database, storage, links, settings: given };
    const failures = host.counter('storage_failures_total', 'Times that the storage could not do something.');
    const removed = host.counter('orphans_removed_total', 'Uploads that nothing named and that were removed.');
    const watch = new StorageWatch(storage, host, failures);
    await watch.look();
    const cleaning = new Cleaning(ports, removed);
    return {
      routes: routes(host, ports, watch),
      health: () => watch.health(),
      offers: offeredBy(ports),
      stop: async () => {
        watch.stop();
        await cleaning.stop();
      },
    };
  },
};

async function openStorage(given: Settings, host: Host): Promise<Storage> {
  if (given.storage === 'disk') return DiskStorage.open(given.folder);
  const { S3Storage } = await import('./s3-storage.ts');
  return S3Storage.open(given, host);
}

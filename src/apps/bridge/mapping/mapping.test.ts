/** Mappings on both databases: one for a customer, however many come at once; known later; over after a silence. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pgliteFolder } from '../../../../test/harness/pglite-folder.ts';
import { POSTGRESQL, startPostgresql } from '../../../../test/harness/postgresql-server.ts';
import { parsePostgresqlUrl } from '../../../config/postgresql-url.ts';
import type { ApplicationDatabase } from '../../../database/database.ts';
import type { DatabaseDriver } from '../../../database/driver.ts';
import { readMigrations } from '../../../database/migration.ts';
import { openPGlite } from '../../../database/pglite-driver.ts';
import { PostgresqlDriver } from '../../../database/postgresql-driver.ts';
import { openDatabaseOf, type TestDatabase } from '../../../database/test-rig.ts';
import { systemScheduler as scheduler } from '../../../telemetry/system-clock.ts';
import type { Ports } from '../ports.ts';
import { findState } from './lookup.ts';
import { correlate, mapMessage, type Mapped } from './mapping.ts';
import { advance, findRow } from './message-rows.ts';
import type { MessageStatus } from '../tables.ts';

const { migrations } = readMigrations('bridge', new URL('../migrations/', import.meta.url));
const LIMITS = { max: 10, idleMs: 30_000, connectTimeoutMs: 20_000, statementTimeoutMs: 20_000, maxWaiting: 1_000 };
const HOUR = 3_600_000;

const DRIVERS: readonly (readonly [string, boolean, () => Promise<DatabaseDriver>])[] = [
  [
    'PGlite',
    true,
    async () => openPGlite({ folder: await pgliteFolder(), waitMs: 5_000, maxWaiting: 1_000 }, scheduler),
  ],
  [
    'PostgreSQL',
    POSTGRESQL !== null,
    async () => {
      const server = await startPostgresql();
      return new PostgresqlDriver({ address: parsePostgresqlUrl(server.url()), applicationName: 'test', ...LIMITS });
    },
  ],
];

describe.each(DRIVERS)('on %s', (_, isThere, open) => {
  let opened: TestDatabase;
  let ports: Pick<Ports, 'host' | 'database' | 'settings'>;
  let now = Date.parse('2026-01-14T10:30:00Z');
  let ids = 0;
  beforeAll(async () => {
    if (!isThere) return;
    opened = await openDatabaseOf('bridge', await open(), migrations);
    const database: ApplicationDatabase = opened.database;
    const random = { id: () => `id-${(ids += 1).toString().padStart(9, '0')}`, fraction: () => 0.5 };
    const host = { node: 'n1', clock: { now: () => now, elapsed: () => now }, random };
    // The rest of a host and of settings is nothing that mappings ask.
    ports = { host, database, settings: { idle_hours: 24 } } as unknown as typeof ports;
  }, 60_000);
  afterAll(() => opened?.link.stop());

  let messages = 0;
  const map = (number: string, wamid = `wamid.${(messages += 1)}`, tenant = 'acme'): Promise<Mapped> =>
    mapMessage(
      ports,
      { tenant, phoneNumberId: '100', number, name: 'Ada' },
      { direction: 'in', kind: 'text', wamid, stages: [] },
    );

  test.runIf(isThere)('W-15: a hundred first messages of a number at once make one mapping', async () => {
    const all = await Promise.all(Array.from({ length: 100 }, () => map('491700000001')));
    expect(new Set(all.map(({ mapping }) => mapping.id)).size).toBe(1);
    expect(new Set(all.map(({ message }) => message.id)).size).toBe(100);
    expect(all.every(({ isNew }) => isNew)).toBe(true);
  });

  test.runIf(isThere)('W-10: the same message at once, many times, is written down once', async () => {
    const all = await Promise.all(Array.from({ length: 10 }, () => map('491700000002', 'wamid.same')));
    expect(new Set(all.map(({ message }) => message.id)).size).toBe(1);
    expect(all.filter(({ isNew }) => isNew)).toHaveLength(1);
    // The same number and the same id of another tenant are another's.
    expect(await map('491700000002', 'wamid.same', 'globex')).toMatchObject({ isNew: true });
  });

  test.runIf(isThere)(
    'W-15: correlation comes later, twice is harmless; after 24 hours of silence a new mapping begins',
    async () => {
      const number = '491700000003';
      const first = await map(number);
      expect((await findState(ports, 'acme', number))?.genesysConversation).toBeNull();
      for (const id of ['g-1', 'g-1', 'g-2']) await correlate(ports, first.mapping, id);
      expect(await findState(ports, 'acme', number)).toMatchObject({
        conversation: first.mapping.id,
        genesysConversation: 'g-2',
      });
      now += 23 * HOUR;
      expect((await map(number)).mapping.id).toBe(first.mapping.id);
      now += 23 * HOUR;
      expect((await map(number)).mapping.id).toBe(first.mapping.id);
      now += 24 * HOUR;
      expect(await findState(ports, 'acme', number)).toBeNull();
      const next = await map(number);
      expect(next.mapping.id).not.toBe(first.mapping.id);
      expect(next.customer.id).toBe(first.customer.id);
      expect(await findState(ports, 'globex', number)).toBeNull();
    },
  );

  test.runIf(isThere)('W-12, C-13: statuses in any order end at the highest', async () => {
    const all: readonly MessageStatus[] = ['sent', 'failed', 'delivered', 'read'];
    const orders = all.flatMap((a) => all.flatMap((b) => all.flatMap((c) => all.map((d) => [a, b, c, d] as const))));
    for (const order of orders.filter((one) => new Set(one).size === 4)) {
      const { message } = await map('491700000004');
      for (const status of order) await advance(ports, message, status, status === 'failed' ? { reason: 'why' } : {});
      expect(await findRow(ports, message), order.join()).toMatchObject({ status: 'read', rank: 4 });
    }
    const { message } = await map('491700000004');
    await advance(ports, message, 'failed', { reason: 'why' });
    expect(await advance(ports, message, 'sent')).toBeNull();
    expect(await findRow(ports, message)).toMatchObject({ status: 'failed', reason: 'why' });
  });
});

/** A database twice: by its library alone, and as the server has it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { Pool } from 'pg';
import { parsePostgresqlUrl } from '../../src/config/postgresql-url.ts';
import type { DatabaseDriver } from '../../src/database/driver.ts';
import { PGliteDriver } from '../../src/database/pglite-driver.ts';
import { PostgresqlDriver } from '../../src/database/postgresql-driver.ts';
import { systemScheduler as scheduler } from '../../src/telemetry/system-clock.ts';
import type { Bare } from '../database/bare.ts';

export interface Both {
  readonly bare: Bare;
  readonly driver: DatabaseDriver;
  /** Behind the end of the driver. */
  readonly close: () => Promise<void>;
}

/** @param place `memory`, `folder`, or the URL of a PostgreSQL */
export function openBoth(place: string): Promise<Both> {
  return place === 'memory' || place === 'folder' ? openPGlite(place) : Promise.resolve(openPostgresql(place));
}

function openPostgresql(url: string): Both {
  const address = parsePostgresqlUrl(url);
  const { host, port, user, database, password } = address;
  const pool = new Pool({ host, port, user, database, password: password ?? '' });
  const limits = { max: 20, idleMs: 30_000, connectTimeoutMs: 2_000, statementTimeoutMs: 10_000, maxWaiting: 1_000 };
  return {
    bare: { name: 'pg', query: (text, values) => pool.query(text, values) },
    driver: new PostgresqlDriver({ address, applicationName: 'bench', ...limits }),
    close: () => pool.end(),
  };
}

/** One engine for both: its driver and its library are used in turn. */
async function openPGlite(place: 'memory' | 'folder'): Promise<Both> {
  const folder = place === 'memory' ? null : mkdtempSync(join(tmpdir(), 'signalbox-bench-'));
  const pglite = await (folder === null ? PGlite.create() : PGlite.create(join(folder, 'data')));
  return {
    bare: { name: `PGlite (${place})`, query: (text, values) => pglite.query(text, values) },
    driver: new PGliteDriver({ folder, waitMs: 30_000, maxWaiting: 1_000 }, pglite, null, scheduler),
    close: () => Promise.resolve(folder === null ? undefined : rmSync(folder, { recursive: true })),
  };
}

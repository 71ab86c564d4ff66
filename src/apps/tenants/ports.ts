/** What the operations of this application work with. */
import type { Database } from '../../database/database.ts';
import type { Host } from '../host-api.ts';
import type { RefusedLines } from './refused-lines.ts';
import type { Registry } from './registry.ts';
import type { SealKeys } from './sealing.ts';
import type { Settings } from './settings.ts';
import type { Spending } from './spending.ts';

export interface Ports {
  readonly host: Pick<Host, 'clock' | 'log' | 'revokeToken' | 'disconnectTenant' | 'tokenIssuer'>;
  readonly database: Database;
  readonly settings: Settings;
  readonly registry: Registry;
  readonly spending: Spending;
  /** `null` without `seal_keys`: no credentials are taken, and none open. */
  readonly keys: SealKeys | null;
  readonly refusedLines: RefusedLines;
  /** Clears the keys of a tenant in the shared store. @returns how many; `null` when it does not answer */
  readonly clearShared: (tenant: string) => Promise<number | null>;
}

/** What the operations of this application work with. */
import type { TokenIssuer } from '../../auth/issuing.ts';
import type { Database } from '../../database/database.ts';
import type { Host } from '../host-api.ts';
import type { Passwords } from './passwords.ts';
import type { Sessions } from './sessions.ts';
import type { Settings } from './settings.ts';
import type { Throttle } from './throttle.ts';

export interface Ports {
  readonly host: Pick<Host, 'clock' | 'log' | 'publish' | 'revoke' | 'revokeToken' | 'isRefusal'>;
  readonly database: Database;
  readonly settings: Settings;
  readonly issue: TokenIssuer;
  readonly passwords: Passwords;
  readonly sessions: Sessions;
  readonly throttle: Throttle;
  /** Counted as a metric. */
  readonly told: (outcome: string) => void;
}

/** The user who asks, as the server has verified it. */
export interface Asker {
  readonly tenant: string;
  readonly user: string;
}

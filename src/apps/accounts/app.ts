/** Accounts: users who log in with a password, for products that have no issuer of tokens of their own (docs/accounts.md). */
import type { Database } from '../../database/database.ts';
import type { App, OwnedTopics } from '../app.ts';
import type { Host } from '../host-api.ts';
import { Passwords } from './passwords.ts';
import { profileTopic } from './people.ts';
import type { Ports } from './ports.ts';
import { userRoutes } from './routes.ts';
import { serviceRoutes } from './service-routes.ts';
import { Sessions } from './sessions.ts';
import { settings, type Settings } from './settings.ts';
import { Throttle } from './throttle.ts';
import { tellRevocations, upkeepOf } from './upkeep.ts';
import { verbs } from './verbs.ts';

export const app: App<Settings> = {
  name: 'accounts',
  settings,
  places: ['/auth', '/users'],
  database: { migrations: new URL('./migrations/', import.meta.url) },
  verbs,
  start: async (host, given) => {
    const { database } = host;
    if (database === null) throw new Error('expected a database');
    const ports = portsOf(host, database, given);
    await ports.passwords.prepare();
    if (host.shared === null) await tellWhenReady({ host, database, settings: given });
    const upkeep = upkeepOf({ host, database, settings: given });
    return {
      routes: [...userRoutes(host, ports), ...serviceRoutes(host, ports)],
      topics: [PROFILES],
      stop: () => upkeep.stop(),
    };
  },
};

/** Everybody of the tenant may listen to a profile, and nobody but this application writes to it. */
const PROFILES: OwnedTopics = {
  pattern: profileTopic('*'),
  mayAct: (_principal, action, topic) => action === 'subscribe' && !topic.includes('*'),
};

function portsOf(host: Host, database: Database, given: Settings): Ports {
  const outcomes = host.counter(
    'outcomes_total',
    'Logins, refreshes, logouts and measures, by what became of them.',
    'outcome',
  );
  const passwords = new Passwords({
    log2: given.scrypt_log2,
    parallel: given.scrypt_parallel,
    atOnce: given.scrypt_at_once,
    waiting: given.scrypt_waiting,
  });
  host.gauge('passwords_waiting', 'Passwords that are being hashed or wait for it.', () => passwords.load);
  return {
    host,
    database,
    settings: given,
    issue: host.tokenIssuer(given.signing_key),
    passwords,
    sessions: new Sessions(database, {
      accessMs: given.access_secs * 1_000,
      refreshMs: given.refresh_secs * 1_000,
      sessionMs: given.session_secs * 1_000,
      graceMs: given.refresh_grace_secs * 1_000,
    }),
    throttle: new Throttle(database, {
      perAccount: given.attempts_per_account,
      perAddress: given.attempts_per_address,
      windowMs: given.attempts_window_secs * 1_000,
    }),
    told: (outcome) => outcomes.add(1, outcome),
  };
}

/** Before the first client, where the database is there; else as soon as it is. */
async function tellWhenReady(ports: {
  readonly host: Host;
  readonly database: Database;
  readonly settings: Settings;
}): Promise<void> {
  const { host, database } = ports;
  let first: Promise<void> = Promise.resolve();
  database.onReady(() => {
    first = tellRevocations(ports).catch((error: unknown) =>
      host.log.warn('Revocations from before this start are not in force', { error: String(error) }),
    );
  });
  await first;
}

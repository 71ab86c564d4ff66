/** What the configuration says of tokens and rights, built: for a node, and for the verb that checks a token. */
import { Authenticator } from '../auth/authenticator.ts';
import { KeySet } from '../auth/key-set.ts';
import { Rights, type RightsRule } from '../auth/rights.ts';
import { publicKeyFromPem, secretKey, type VerificationKey } from '../auth/verification-key.ts';
import type { Config } from '../config/schema.ts';
import { secretBytes } from '../config/secrets.ts';
import type { Authentication } from '../doctor/patient.ts';
import { fetchDocument } from '../http/fetch-document.ts';
import type { Log } from '../telemetry/log.ts';
import { Decisions } from '../service/decisions.ts';
import { systemClock as clock, systemScheduler as scheduler } from '../telemetry/system-clock.ts';

type PresenceRoles = Pick<Config['presence'], 'enter' | 'read' | 'count'>;

/** The fixed keys that tokens may be signed with. */
function verificationKeys({ auth }: Config): VerificationKey[] {
  const secrets = [
    ['jwt_secret', auth.jwt_secret],
    ['jwt_previous_secret', auth.jwt_previous_secret],
  ] as const;
  const keys = secrets.flatMap(([name, secret]) =>
    secret === undefined ? [] : [secretKey(name, secretBytes(secret))],
  );
  return auth.public_key === undefined ? keys : [...keys, publicKeyFromPem('public_key', auth.public_key)];
}

/** The secrets that all nodes of a service have in common, and a configuration that they are examined with: by key. */
export function comparedSecrets({ auth, admin }: Config): ReadonlyMap<string, Uint8Array> {
  const all = [
    ['auth.jwt_secret', auth.jwt_secret],
    ['auth.jwt_previous_secret', auth.jwt_previous_secret],
    ['auth.public_key', auth.public_key],
    ['admin.token', admin.token],
  ] as const;
  return new Map(all.flatMap(([key, secret]) => (secret === undefined ? [] : [[key, secretBytes(secret)] as const])));
}

/** The published key set, when there is one. */
export function buildKeySet({ auth }: Config, log: Log): KeySet | undefined {
  if (auth.jwks_url === undefined) return undefined;
  const options = {
    url: auth.jwks_url,
    minIntervalMs: auth.jwks_min_interval_secs * 1_000,
    maxAgeMs: auth.jwks_max_age_secs * 1_000,
  };
  return new KeySet(options, fetchDocument, clock, log);
}

/** For looking at tokens, without a node. */
export function buildAuthentication(config: Config, log: Log): Authentication {
  const keySet = buildKeySet(config, log);
  const [authenticator, rights] = [buildAuthenticator(config, keySet), buildRights(config)];
  return { authenticator, keySet, rights, secrets: comparedSecrets(config) };
}

export function buildAuthenticator(config: Config, keySet?: KeySet): Authenticator {
  const { auth } = config;
  const options = {
    keys: verificationKeys(config),
    keySet,
    algorithms: auth.algorithms,
    issuer: auth.issuer,
    audience: auth.audience,
    leewaySecs: auth.leeway_secs,
    requireExpiry: auth.require_expiry,
    cacheSize: auth.cache_size,
  };
  return new Authenticator(options, clock);
}

/** The deciders on topics: the token's rules, and the owners that applications register. */
export function buildDecisions(config: Config): Decisions {
  const { apps } = config;
  const options = {
    timeoutMs: apps.decision_timeout_ms,
    ageMs: apps.decision_age_secs * 1_000,
    capacity: apps.decisions,
  };
  return new Decisions(options, buildRights(config), clock, scheduler);
}

export function buildRights({ topics, presence }: Config): Rights {
  return new Rights({
    fallback: { subscribe: topics.subscribe, publish: topics.publish, presence: presenceRoles(presence) },
    direct: topics.direct_publish,
    rules: topics.rules.map(({ pattern, subscribe = topics.subscribe, publish = topics.publish, ...rule }) => ({
      pattern,
      subscribe,
      publish,
      presence: presenceRoles({
        enter: rule.presence_enter ?? presence.enter,
        read: rule.presence_read ?? presence.read,
        count: rule.presence_count ?? presence.count,
      }),
    })),
  });
}

/** Roles that may see the members may also count them. */
function presenceRoles({ enter, read, count }: PresenceRoles): NonNullable<RightsRule['presence']> {
  return { 'presence.enter': enter, 'presence.read': read, 'presence.count': [...count, ...read] };
}

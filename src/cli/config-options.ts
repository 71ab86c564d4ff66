/** The flags by which every verb finds its configuration. */
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ConfigError, loadConfig, type Loaded } from '../config/load.ts';
import { UsageError, type Arguments, type Option } from './command.ts';

/** Enough to say where a node listens. */
export const WHERE_OPTIONS: Readonly<Record<string, Option>> = {
  config: {
    type: 'string',
    short: 'c',
    value: 'FILE',
    help: "read this file instead of the profile's (or SIGNALBOX_CONFIG)",
  },
  profile: { type: 'string', value: 'NAME', help: 'production (default) or development: config/<NAME>.toml' },
  set: {
    type: 'string',
    multiple: true,
    value: 'KEY=VALUE',
    help: 'one key of docs/configuration.md, as section.key=value; may be repeated',
  },
  port: { type: 'string', short: 'p', value: 'PORT', help: 'same as --set server.port=PORT' },
  host: { type: 'string', value: 'HOST', help: 'same as --set server.host=HOST' },
};

export const CONFIG_OPTIONS: Readonly<Record<string, Option>> = {
  ...WHERE_OPTIONS,
  'log-level': { type: 'string', value: 'LEVEL', help: 'same as --set logging.level=LEVEL' },
  'log-format': { type: 'string', value: 'FORMAT', help: 'same as --set logging.format=FORMAT' },
};

const FLAG_KEYS = {
  port: 'server.port',
  host: 'server.host',
  'log-level': 'logging.level',
  'log-format': 'logging.format',
  workers: 'server.workers',
} as const;
const CONFIG_DIRECTORY = fileURLToPath(new URL('../../config', import.meta.url));
const SECRET_FILE = fileURLToPath(new URL('../../.signalbox-development-secret', import.meta.url));

/** @throws ConfigError, UsageError */
export function loadFromArguments(args: Arguments): Loaded {
  const profile = args.text('profile') ?? process.env['SIGNALBOX_PROFILE'] ?? 'production';
  const file = args.text('config') ?? process.env['SIGNALBOX_CONFIG'] ?? `${CONFIG_DIRECTORY}/${profile}.toml`;
  if (args.text('config') === undefined && !existsSync(file))
    throw new UsageError(`expected a profile that has a file in config/, got ${JSON.stringify(profile)}`);
  const flags = new Map<string, string>();
  for (const [flag, key] of Object.entries(FLAG_KEYS)) {
    const text = args.text(flag);
    if (text !== undefined) flags.set(key, text);
  }
  for (const assignment of args.list('set')) {
    const equals = assignment.indexOf('=');
    if (equals === -1) throw new UsageError(`expected --set section.key=value, got ${JSON.stringify(assignment)}`);
    flags.set(assignment.slice(0, equals), assignment.slice(equals + 1));
  }
  return withDevelopmentSecrets(
    loadConfig({ files: [`${CONFIG_DIRECTORY}/default.toml`, file], environment: process.env, flags }),
  );
}

/** For verbs that ask a node and verify nothing: they run where its secret is not. @throws ConfigError, UsageError */
export function loadWithoutSecret(args: Arguments): Loaded {
  try {
    return loadFromArguments(args);
  } catch (error) {
    if (!isOnlySecretMissing(error)) throw error;
    const standIn = `auth.jwt_secret=${randomBytes(32).toString('base64url')}`;
    const list = (name: string): readonly string[] => [...args.list(name), ...(name === 'set' ? [standIn] : [])];
    return loadFromArguments({ ...args, list });
  }
}

export function isOnlySecretMissing(error: unknown): boolean {
  return (
    error instanceof ConfigError &&
    error.problems.every(({ key, got }) => key === 'auth.jwt_secret' && got === 'nothing')
  );
}

/** The secret of development servers on this machine, so that `token` in another terminal signs with the same one. */
export function developmentSecret(): string {
  if (!existsSync(SECRET_FILE))
    writeFileSync(SECRET_FILE, `${randomBytes(32).toString('base64url')}\n`, { mode: 0o600 });
  return readFileSync(SECRET_FILE, 'utf8').trim();
}

export function hasDevelopmentSecret(): boolean {
  return existsSync(SECRET_FILE);
}

function withDevelopmentSecrets(loaded: Loaded): Loaded {
  const { config, origins } = loaded;
  const { jwt_secret: secret, public_key: publicKey, jwks_url: keySet } = config.auth;
  if (config.profile !== 'development' || (secret ?? publicKey ?? keySet) !== undefined) return loaded;
  return { config: { ...config, auth: { ...config.auth, jwt_secret: developmentSecret() } }, origins };
}

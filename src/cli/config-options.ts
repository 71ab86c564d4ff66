/** Loads the configuration that the flags of a verb name (config-flags.ts). */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { LoadedWithApps } from '../apps/load.ts';
import { ConfigError } from '../config/config-error.ts';
import { loadConfig, type Loaded } from '../config/load.ts';
import { UsageError, type Arguments } from './command.ts';
import { withDevelopmentSecret } from './development-secret.ts';

const FLAG_KEYS = {
  port: 'server.port',
  host: 'server.host',
  'log-level': 'logging.level',
  'log-format': 'logging.format',
  workers: 'server.workers',
} as const;
/** The files of the profiles, in a checkout and in a package. */
export const CONFIG_DIRECTORY = fileURLToPath(new URL('../../config', import.meta.url));

/** @throws ConfigError, UsageError */
export function loadFromArguments(args: Arguments): Loaded {
  const flag = args.text('profile');
  const profile = flag ?? process.env['SIGNALBOX_PROFILE'] ?? 'production';
  const file = args.text('config') ?? process.env['SIGNALBOX_CONFIG'] ?? `${CONFIG_DIRECTORY}/${profile}.toml`;
  if (args.text('config') === undefined && !existsSync(file))
    throw new UsageError(`expected a profile that has a file in config/, got ${JSON.stringify(profile)}`);
  // Beside a file of one's own the flag is the key: a server that was asked for development must not be one of production.
  const flags = new Map<string, string>(flag === undefined ? [] : [['profile', flag]]);
  for (const [name, key] of Object.entries(FLAG_KEYS)) {
    const text = args.text(name);
    if (text !== undefined) flags.set(key, text);
  }
  for (const assignment of args.list('set')) {
    const equals = assignment.indexOf('=');
    if (equals === -1) throw new UsageError(`expected --set section.key=value, got ${JSON.stringify(assignment)}`);
    flags.set(assignment.slice(0, equals), assignment.slice(equals + 1));
  }
  return withDevelopmentSecret(
    loadConfig({ files: [`${CONFIG_DIRECTORY}/default.toml`, file], environment: process.env, flags }),
  );
}

/** With the applications, whose sections are then checked too. @throws ConfigError, UsageError */
export async function loadWithApps(args: Arguments): Promise<LoadedWithApps> {
  const [{ loadApps }, { BUILT_IN }] = await Promise.all([import('../apps/load.ts'), import('./built-in-apps.ts')]);
  return loadApps(loadFromArguments(args), BUILT_IN);
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

/**
 * The secret of development servers of this user on this machine, so that `token` in another terminal, in whatever
 * folder, signs with the same one. Not beside the program: where that was installed, its user may not write.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import type { Loaded } from '../config/load.ts';

/** Made when there is none. @throws when it can neither be read nor written */
export function developmentSecret(): string {
  const file = secretFile();
  try {
    if (!existsSync(file)) write(file);
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new Error(
      `expected a place for the secret of development servers, got ${(error as Error).message}: set JWT_SECRET or XDG_STATE_HOME`,
      { cause: error },
    );
  }
}

export function hasDevelopmentSecret(): boolean {
  return existsSync(secretFile());
}

/** In the development profile, when no key of any kind is configured. */
export function withDevelopmentSecret(loaded: Loaded): Loaded {
  const { config } = loaded;
  const { jwt_secret: secret, public_key: publicKey, jwks_url: keySet } = config.auth;
  if (config.profile !== 'development' || (secret ?? publicKey ?? keySet) !== undefined) return loaded;
  return { ...loaded, config: { ...config, auth: { ...config.auth, jwt_secret: developmentSecret() } } };
}

/** https://specifications.freedesktop.org/basedir-spec: a path that is not absolute counts as none. */
function secretFile(): string {
  const given = process.env['XDG_STATE_HOME'];
  const state = given !== undefined && isAbsolute(given) ? given : join(homedir(), '.local/state');
  return join(state, 'signalbox/development-secret');
}

function write(file: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  try {
    writeFileSync(file, `${randomBytes(32).toString('base64url')}\n`, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    // Another server was first: its secret is ours.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

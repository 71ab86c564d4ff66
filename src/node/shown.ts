/** Values of the configuration as they may be shown: what opens something is left out. */
import { createHash } from 'node:crypto';
import { redactUrls } from '../telemetry/redact.ts';
import { KEYS, type Key } from '../config/keys.ts';
import type { Config } from '../config/schema.ts';

/** Enough to see whether two are the same; a thousand guesses at a secret have one as well. */
const FINGERPRINT_LENGTH = 4;

export type ShownValue = { readonly value: unknown } | { readonly fingerprint: string };

/** A reader of the configuration is not meant to be shown what opens something. */
export function shown({ isSecret, urlPaths }: Pick<Key, 'isSecret' | 'urlPaths'>, value: unknown): unknown {
  if (isSecret && value !== undefined) return '[redacted]';
  return typeof value === 'string' && urlPaths !== undefined ? redactUrls(value, urlPaths) : value;
}

export function valueOf(config: Config, path: string): unknown {
  const [section = '', name] = path.split('.');
  const tree = config as unknown as Record<string, Record<string, unknown>>;
  return name === undefined ? tree[section] : tree[section]?.[name];
}

/** Every key that is set, so that nodes can be compared: of secrets only whether they are the same. */
export function shownConfiguration(config: Config): Readonly<Record<string, ShownValue>> {
  return Object.fromEntries(
    KEYS.flatMap((key) => {
      const value = valueOf(config, key.path);
      return value === undefined ? [] : [[key.path, comparable(key, value)]];
    }),
  );
}

/** @param key also of an application */
export function comparable(key: Pick<Key, 'isSecret' | 'urlPaths'>, value: unknown): ShownValue {
  return key.isSecret ? { fingerprint: fingerprintOf(String(value)) } : { value: shown(key, value) };
}

function fingerprintOf(secret: string): string {
  return createHash('sha256').update(`signalbox fingerprint ${secret}`).digest('hex').slice(0, FINGERPRINT_LENGTH);
}

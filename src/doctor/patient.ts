/** What is examined, and how it is reached. A part that was not given is `null`; checks that need it are left out. */
import type { LoadedApp } from '../apps/loaded.ts';
import type { Authenticator } from '../auth/authenticator.ts';
import type { KeySet } from '../auth/key-set.ts';
import type { Rights } from '../auth/rights.ts';
import type { Config } from '../config/schema.ts';
import type { Problem } from '../config/problem.ts';
import type { Clock } from '../telemetry/clock.ts';

/** What an endpoint answered; the body is `null` when it is no JSON. */
export interface View {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>> | null;
}

/** The admin API of a running node, to look at only: there is no way to change anything through it. */
export interface Views {
  /** For texts: the address that was asked. */
  readonly address: string;
  /** @throws UnreachedError that says what kept the answer away */
  get(path: string): Promise<View>;
}

/** Nobody answers: one check says so, and those that would have asked more say nothing. */
export class UnreachedError extends Error {
  override readonly name = 'UnreachedError';
}

export interface Configuration {
  /** `null` when it cannot be read: then there are problems. */
  readonly config: Config | null;
  readonly problems: readonly Problem[];
  readonly apps: readonly LoadedApp[];
}

/** What the configuration says of tokens, built as a node builds it. */
export interface Authentication {
  readonly authenticator: Authenticator;
  readonly keySet: KeySet | undefined;
  readonly rights: Rights;
  /** By key of the configuration. */
  readonly secrets: ReadonlyMap<string, Uint8Array>;
}

export interface Patient {
  readonly clock: Clock;
  /** Loads the socket library. @returns its version @throws Error with why nothing loads; missing where nobody can load it */
  readonly binding?: () => Promise<string>;
  readonly configuration: Configuration | null;
  readonly authentication?: Authentication | undefined;
  /** The files that secrets were read from, by key of the configuration. */
  readonly secretFiles?: ReadonlyMap<string, string>;
  readonly views: Views | null;
  /** Has the running node look at a token, which changes nothing there (`POST /admin/tokens/check`). */
  readonly checkToken?: ((token: string) => Promise<View>) | undefined;
  /** When nobody said which node: what is where the configuration says. */
  readonly found?: { readonly address: string; readonly state: 'asked' | 'nobody' | 'no_token' };
  /** The ways in that clients use: `ws:` or `wss:`. */
  readonly urls: readonly URL[];
  /** Tokens that somebody asks about. */
  readonly tokens: readonly string[];
  /** The origin of a page that connects. */
  readonly page: string | null;
  /** How many nodes there should be, when somebody says it. */
  readonly expectedNodes?: number;
  /** A directory of Kubernetes manifests. */
  readonly manifests: string | null;
  /** How long the idle time of the way may be measured, in ms; 0 when nobody asked for it. */
  readonly idleMs: number;
}

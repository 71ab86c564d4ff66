/** What is examined, and how it is reached. A part that was not given is `null`; checks that need it are left out. */
import type { LoadedApp } from '../apps/loaded.ts';
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
  /** @throws Error that says what kept the answer away */
  get(path: string): Promise<View>;
}

export interface Configuration {
  /** `null` when it cannot be read: then there are problems. */
  readonly config: Config | null;
  readonly problems: readonly Problem[];
  readonly apps: readonly LoadedApp[];
}

export interface Patient {
  readonly clock: Clock;
  readonly configuration: Configuration | null;
  readonly views: Views | null;
  /** The ways in that clients use: `ws:` or `wss:`. */
  readonly urls: readonly URL[];
  /** Tokens that somebody asks about. */
  readonly tokens: readonly string[];
  /** The origin of a page that connects. */
  readonly page: string | null;
  /** A directory of Kubernetes manifests. */
  readonly manifests: string | null;
  /** How long the idle time of the way may be measured, in ms; 0 when nobody asked for it. */
  readonly idleMs: number;
}

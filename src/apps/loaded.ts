/** Applications that have been found and whose sections are good; nothing of them runs yet. */
import type { Key } from '../config/keys.ts';
import type { App } from './app.ts';

/** Where an application was found, before its section is looked at. */
export interface FoundApp {
  readonly app: App;
  /** The module, `built in` or `the program`: for messages. */
  readonly origin: string;
}

export interface LoadedApp extends FoundApp {
  readonly settings: unknown;
  /** The keys of its section, for print-config and the reference. */
  readonly keys: readonly Key[];
  /** What its section says, as a file could say it; workers read it again. */
  readonly section: Readonly<Record<string, unknown>>;
}

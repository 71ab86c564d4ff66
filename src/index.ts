/** The server as a library: a node in the process of a test or a product (docs/library.md). */
import { existsSync } from 'node:fs';
import { CONFIG_DIRECTORY } from './cli/config-options.ts';
import { withDevelopmentSecret } from './cli/development-secret.ts';
import { checkGivenApps, loadApps } from './apps/load.ts';
import type { App } from './apps/app.ts';
import { BUILT_IN } from './cli/built-in-apps.ts';
import { startNode, type RunningNode } from './cli/wiring.ts';
import { ConfigError } from './config/config-error.ts';
import { loadConfig, type Loaded } from './config/load.ts';
import type { Config, ConfigInput } from './config/schema.ts';

export { ConfigError } from './config/config-error.ts';
export type { Problem } from './config/problem.ts';
export type { ConfigInput } from './config/schema.ts';
export { AppsError } from './apps/run.ts';
export type * from './apps/app.ts';
export type * from './apps/app-route.ts';
export type * from './apps/frame.ts';
export type * from './apps/host-api.ts';
export type { Shell } from './apps/verb.ts';
export type { Principal } from './auth/principal.ts';
export type { Published } from './broker/broker.ts';
export type * from './queue/queue.ts';
export type { Reason, Refusal } from './protocol/errors.ts';
export type { JsonValue } from './protocol/frames.ts';
export type { Position } from './protocol/position.ts';
export type { ConnectingFacts, ConnectionFacts, Welcome } from './service/connection-events.ts';

export interface SignalboxOptions {
  /** Keys of docs/configuration.md, in sections as in a file; over the file of the profile. No variables are read. */
  readonly config?: ConfigInput;
  /** Applications that run in it (docs/applications.md), beside those of `config.apps`. Their sections are in `config.apps` too. */
  readonly apps?: readonly App[];
}

/** Why it stopped: it was told to, an operator drained it, or it could not go on. */
export type StopReason = 'stop' | 'drain' | 'fatal';

export interface Signalbox {
  /** Resolves when it serves. @throws when it cannot listen, an application does not start, or it has been stopped before */
  start(): Promise<void>;
  /**
   * Drains and stops; resolves when every connection is gone.
   * @param options.graceMs milliseconds for the connections to leave, instead of `shutdown.grace_secs`
   */
  stop(options?: { readonly graceMs?: number }): Promise<void>;
  /** Of HTTP, as `http://127.0.0.1:8081`. @throws before it serves, as the other two */
  readonly url: string;
  /** What clients connect to. */
  readonly webSocketUrl: string;
  /** Where `/admin` is: `url`, unless `admin.port` is configured. */
  readonly adminUrl: string;
  /** Resolves when it has stopped, for whatever reason. */
  readonly stopped: Promise<StopReason>;
}

/** Starts nothing yet. @throws ConfigError with everything that is wrong with the configuration */
export function createSignalbox({ config = {}, apps = [] }: SignalboxOptions = {}): Signalbox {
  const loaded = readConfig(config);
  checkGivenApps(loaded, apps);
  return new EmbeddedNode(loaded, apps);
}

class EmbeddedNode implements Signalbox {
  readonly stopped: Promise<StopReason>;
  private readonly over = Promise.withResolvers<StopReason>();
  private readonly loaded: Loaded;
  private readonly apps: readonly App[];
  private running: RunningNode | null = null;
  private starting: Promise<void> | null = null;
  private stopping: Promise<void> | null = null;

  constructor(loaded: Loaded, apps: readonly App[]) {
    this.loaded = loaded;
    this.apps = apps;
    this.stopped = this.over.promise;
    // The caller of stop() hears of a failure there; nobody has to look here too.
    this.stopped.catch(() => {});
  }

  private get config(): Config {
    return this.loaded.config;
  }

  get url(): string {
    return `http://${authority(this.config.server.host, this.serving().port)}`;
  }

  get webSocketUrl(): string {
    return `${this.url.replace('http', 'ws')}/ws`;
  }

  get adminUrl(): string {
    const { port, host } = this.config.admin;
    return port === undefined ? this.url : `http://${authority(host, this.serving().adminPort)}`;
  }

  start(): Promise<void> {
    if (this.stopping !== null)
      return Promise.reject(new Error('expected a server that was not stopped before: create another one'));
    this.starting ??= this.begin();
    return this.starting;
  }

  stop(options: { readonly graceMs?: number } = {}): Promise<void> {
    return this.end('stop', options);
  }

  private serving(): RunningNode {
    if (this.running === null) throw new Error('expected a server that serves: wait for start()');
    return this.running;
  }

  private async begin(): Promise<void> {
    const { config, apps } = await loadApps(this.loaded, BUILT_IN, this.apps);
    this.running = await startNode({
      config,
      apps,
      // Its failure is told by `stopped`.
      onEnd: (reason) => void this.end(reason, {}).catch(() => {}),
    });
  }

  private end(reason: StopReason, options: { readonly graceMs?: number }): Promise<void> {
    if (this.stopping !== null) return this.stopping;
    this.stopping = this.finish(options);
    this.stopping.then(() => this.over.resolve(reason), this.over.reject);
    return this.stopping;
  }

  private async finish(options: { readonly graceMs?: number }): Promise<void> {
    // A start that failed has been told to its caller, and left nothing to stop.
    await this.starting?.catch(() => {});
    await this.running?.stop(options);
    this.running?.logs.flush();
  }
}

function readConfig(values: ConfigInput): Loaded {
  const files = ['default', values.profile ?? 'production'].map((name) => `${CONFIG_DIRECTORY}/${name}.toml`);
  // A profile without a file is none, which the schema says better than a file that is missing.
  const loaded = loadConfig({
    files: files.filter((file) => existsSync(file)),
    environment: {},
    flags: new Map(),
    values,
  });
  const { workers } = loaded.config.server;
  if (workers > 1)
    throw new ConfigError([
      {
        key: 'server.workers',
        expected: '1 in a process of yours (signalbox serve has workers)',
        got: String(workers),
      },
    ]);
  return withDevelopmentSecret(loaded);
}

/** As it stands in a URL of this machine, on which 'every address' is one too. */
function authority(host: string, port: number): string {
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`;
}

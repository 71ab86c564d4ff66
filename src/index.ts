/** The server as a library: a node in the process of a test or a product (docs/library.md). */
import { existsSync } from 'node:fs';
import { CONFIG_DIRECTORY } from './cli/config-options.ts';
import { withDevelopmentSecret } from './cli/development-secret.ts';
import { startNode, type Extensions, type RunningNode } from './cli/wiring.ts';
import { ConfigError, loadConfig } from './config/load.ts';
import type { Config, ConfigInput } from './config/schema.ts';

export { ConfigError } from './config/load.ts';
export type { Problem } from './config/problem.ts';
export type { ConfigInput } from './config/schema.ts';
export type { FrameHandler } from './connection/context.ts';
export type { Extensions } from './cli/wiring.ts';
export type { HttpRequest, HttpResponse, Method, Route } from './node/route.ts';

export interface SignalboxOptions {
  /** Keys of docs/configuration.md, in sections as in a file; over the file of the profile. No variables are read. */
  readonly config?: ConfigInput;
  /** What is added to the server's own frames and routes. */
  readonly extensions?: Extensions;
}

/** Why it stopped: it was told to, an operator drained it, or it could not go on. */
export type StopReason = 'stop' | 'drain' | 'fatal';

export interface Signalbox {
  /** Resolves when it serves. @throws when it cannot listen, or has been stopped before */
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
export function createSignalbox(options: SignalboxOptions = {}): Signalbox {
  return new EmbeddedNode(readConfig(options.config ?? {}), options.extensions ?? {});
}

class EmbeddedNode implements Signalbox {
  readonly stopped: Promise<StopReason>;
  private readonly over = Promise.withResolvers<StopReason>();
  private readonly config: Config;
  private readonly extensions: Extensions;
  private running: RunningNode | null = null;
  private starting: Promise<void> | null = null;
  private stopping: Promise<void> | null = null;

  constructor(config: Config, extensions: Extensions) {
    this.config = config;
    this.extensions = extensions;
    this.stopped = this.over.promise;
    // The caller of stop() hears of a failure there; nobody has to look here too.
    this.stopped.catch(() => {});
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
    this.running = await startNode({
      config: this.config,
      // Its failure is told by `stopped`.
      onEnd: (reason) => void this.end(reason, {}).catch(() => {}),
      extensions: this.extensions,
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

function readConfig(values: ConfigInput): Config {
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
  return withDevelopmentSecret(loaded).config;
}

/** As it stands in a URL of this machine, on which 'every address' is one too. */
function authority(host: string, port: number): string {
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`;
}

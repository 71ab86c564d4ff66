/** A node in the test's own process, on a free port; it ends with the test. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { loadApps } from '../../src/apps/load.ts';
import { startNode, type RunningNode } from '../../src/cli/wiring.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { App } from '../../src/index.ts';
import { within } from './deadline.ts';
import { SECRET } from './tokens.ts';

/** What the tests do not want to wait for, and nothing else that differs from a server as it is delivered. */
export const SETTINGS: Readonly<Record<string, string>> = {
  'server.host': '127.0.0.1',
  'server.port': '0',
  'server.node_name': 'test-node',
  'auth.jwt_secret': SECRET,
  'logging.level': 'error',
  'shutdown.grace_secs': '1',
  'shutdown.closes_per_second': '1000000',
};

export interface MetricSample {
  readonly name?: string;
  readonly reason?: string;
  readonly code?: string;
  readonly cause?: string;
  readonly scope?: string;
  readonly state?: string;
  readonly value: number;
}

export class TestServer {
  readonly running: RunningNode;
  private stopping: Promise<void> | null = null;

  constructor(running: RunningNode) {
    this.running = running;
  }

  get port(): number {
    return this.running.port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get connections(): number {
    return this.running.node.connections.length;
  }

  /** A second of the node's life: every connection looks at its deadlines. */
  beat(): void {
    this.running.node.beat();
  }

  get(path: string, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
    return within(fetch(`${this.url}${path}`, { headers }), `GET ${path}`);
  }

  async metric(name: string): Promise<number> {
    const value = (await this.metrics())[name];
    if (typeof value !== 'number') throw new Error(`expected ${name} to be a number, got ${JSON.stringify(value)}`);
    return value;
  }

  async samples(name: string): Promise<readonly MetricSample[]> {
    return (await this.metrics())[name] as readonly MetricSample[];
  }

  /** Drains and stops; twice is the same. */
  stop(): Promise<void> {
    this.stopping ??= this.running.stop();
    return this.stopping;
  }

  private async metrics(): Promise<Record<string, unknown>> {
    const response = await this.get('/metrics.json');
    const { metrics } = (await response.json()) as { metrics: Record<string, unknown> };
    return metrics;
  }
}

/**
 * @param settings `section.key` → text, as on the command line
 * @param file what a file of the configuration says, for what the command line cannot
 */
export async function startServer(
  settings: Readonly<Record<string, string>> = {},
  given: readonly App[] = [],
  onEnd: (reason: 'fatal' | 'drain') => void = unexpectedEnd,
  file?: string,
): Promise<TestServer> {
  const server = await openServer(settings, given, onEnd, file);
  onTestFinished(() => within(server.stop(), 'the server to stop'));
  return server;
}

/** One for all tests of a file, which stops it. */
export async function openServer(
  settings: Readonly<Record<string, string>> = {},
  given: readonly App[] = [],
  onEnd: (reason: 'fatal' | 'drain') => void = unexpectedEnd,
  file?: string,
): Promise<TestServer> {
  const flags = new Map(Object.entries({ ...SETTINGS, ...settings }));
  const files = file === undefined ? [] : [writtenFile(file)];
  const loaded = loadConfig({ files, environment: {}, flags });
  for (const path of files) rmSync(dirname(path), { recursive: true });
  const { config, apps } = await loadApps(loaded, {}, given);
  return new TestServer(await startNode({ config, apps, onEnd }));
}

function writtenFile(text: string): string {
  const path = join(mkdtempSync(join(tmpdir(), 'signalbox-config-')), 'signalbox.toml');
  writeFileSync(path, text);
  return path;
}

export function unexpectedEnd(): never {
  throw new Error('the node says that it is to end');
}

/** A node that asks and tells a backend, in the test's own process; it ends with the test. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { loadApps } from '../../src/apps/load.ts';
import { BUILT_IN } from '../../src/cli/built-in-apps.ts';
import { startNode } from '../../src/cli/wiring.ts';
import { loadConfig } from '../../src/config/load.ts';
import { within } from './deadline.ts';
import { SETTINGS, TestServer, unexpectedEnd } from './server.ts';
import type { WebhookBackend } from './webhook-backend.ts';
import { WEBHOOK_SECRET } from './webhook-backend.ts';

export type Section = Readonly<Record<string, unknown>>;

/** A directory that goes with the test. */
export function queueDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'signalbox-webhooks-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Retries that tests do not wait for. */
const QUICK: Section = { retry_first_ms: 20, retry_max_ms: 200 };

/**
 * @param section of `[apps.webhooks]`, beside `url` and `secret`
 * @param settings `section.key` → text, as on the command line
 */
export async function startWebhookServer(
  backend: Pick<WebhookBackend, 'url'>,
  section: Section,
  settings: Readonly<Record<string, string>> = {},
): Promise<TestServer> {
  const directory = 'tell' in section && !('queue_dir' in section) ? { queue_dir: queueDirectory() } : {};
  const webhooks = { url: backend.url, secret: WEBHOOK_SECRET, ...QUICK, ...directory, ...section };
  const flags = new Map(Object.entries({ ...SETTINGS, ...settings }));
  const loaded = loadConfig({ files: [], environment: {}, flags, values: { apps: { webhooks } } });
  const { config, apps } = await loadApps(loaded, BUILT_IN);
  const server = new TestServer(await startNode({ config, apps, onEnd: unexpectedEnd }));
  onTestFinished(() => within(server.stop(), 'the server to stop'));
  return server;
}

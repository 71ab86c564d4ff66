/** The console of a server in a tab, and everything written down that its policy stops. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { ADMIN_TOKEN } from '../../harness/admin.ts';
import { builtFiles } from '../../harness/built-server.ts';
import { startServer, type TestServer } from '../../harness/server.ts';
import type { App } from '../../../src/index.ts';
import { complaintsOf, openTab, type FrontTab } from '../chromium.ts';

const WITH_CONSOLE = {
  'admin.token': ADMIN_TOKEN,
  'admin.console': 'true',
  'security.allowed_origins': 'loopback',
};

export interface OpenConsole {
  readonly tab: FrontTab;
  readonly page: Page;
  readonly complaints: readonly string[];
}

export interface OpenOptions {
  /** Behind `#`, as `/connections?sort=lag`. */
  readonly place?: string;
  /** The sources, as a checkout gives them; without, the one script of a package, which loads faster. */
  readonly fromSources?: boolean;
  /** Before the page is loaded. */
  readonly prepare?: (page: Page) => Promise<void>;
}

export function serverWithConsole(
  settings: Readonly<Record<string, string>> = {},
  apps: readonly App[] = [],
): Promise<TestServer> {
  return startServer({ ...WITH_CONSOLE, ...settings }, apps);
}

export async function openConsole(origin: string, options: OpenOptions = {}): Promise<OpenConsole> {
  const { place = '/nodes', fromSources = false, prepare } = options;
  let complaints: string[] = [];
  const tab = await openTab(`${origin}/admin/console#${place}`, async ({ page }) => {
    complaints = complaintsOf(page);
    page.setDefaultTimeout(15_000);
    if (!fromSources) await page.route('**/admin/console/console.js', (route) => route.fulfill(builtScript()));
    await prepare?.(page);
  });
  return { tab, page: tab.page, complaints };
}

function builtScript(): { readonly body: string; readonly contentType: string } {
  const body = readFileSync(join(builtFiles(), 'http/console/page/console.js'), 'utf8');
  return { body, contentType: 'text/javascript' };
}

export async function signIn(page: Page, token = ADMIN_TOKEN): Promise<void> {
  await page.getByLabel('Token', { exact: true }).fill(token);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('dialog').waitFor({ state: 'detached' });
}

/** Signed in at a place. */
export async function openSignedIn(origin: string, options?: OpenOptions, token?: string): Promise<OpenConsole> {
  const opened = await openConsole(origin, options);
  await signIn(opened.page, token);
  return opened;
}

export const heading = (page: Page, name: string | RegExp): Promise<void> =>
  page.getByRole('heading', { level: 1, name }).waitFor();

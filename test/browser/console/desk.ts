/** The console of a server in a tab: signed in, and with everything written down that its policy stops. */
import type { Page } from 'playwright-core';
import { ADMIN_TOKEN } from '../../harness/admin.ts';
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

export function serverWithConsole(
  settings: Readonly<Record<string, string>> = {},
  apps: readonly App[] = [],
): Promise<TestServer> {
  return startServer({ ...WITH_CONSOLE, ...settings }, apps);
}

/** @param place behind `#`, as `/connections?sort=lag` */
export async function openConsole(
  origin: string,
  place = '/nodes',
  size?: { width: number; height: number },
): Promise<OpenConsole> {
  let complaints: string[] = [];
  const tab = await openTab(`${origin}/admin/console#${place}`, async ({ page }) => {
    complaints = complaintsOf(page);
    page.setDefaultTimeout(15_000);
    if (size !== undefined) await page.setViewportSize(size);
  });
  return { tab, page: tab.page, complaints };
}

export async function signIn(page: Page, token = ADMIN_TOKEN): Promise<void> {
  await page.getByLabel('Token', { exact: true }).fill(token);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('dialog').waitFor({ state: 'detached' });
}

/** Signed in at a place. */
export async function openSignedIn(origin: string, place?: string, token?: string): Promise<OpenConsole> {
  const opened = await openConsole(origin, place);
  await signIn(opened.page, token);
  return opened;
}

export const heading = (page: Page, name: string): Promise<void> =>
  page.getByRole('heading', { level: 1, name }).waitFor();

/** The whole way with the keyboard alone. */
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { ADMIN_TOKEN } from '../../harness/admin.ts';
import { openConsole, type OpenConsole } from './desk.ts';
import { setStage } from './stage.ts';

/** What has the focus, as its name and text say. */
function focused({ tab }: OpenConsole): Promise<string> {
  return tab.ask<string>(
    `(({ tagName, id, textContent, labels }) => [tagName, id, labels?.[0]?.textContent ?? textContent].join(' ').slice(0, 60))(document.activeElement)`,
  );
}

async function press(page: Page, key: string, times = 1): Promise<void> {
  for (let at = 0; at < times; at += 1) await page.keyboard.press(key);
}

/** Tabs on until something has the focus. */
async function tabTo(opened: OpenConsole, wanted: RegExp): Promise<string> {
  for (let at = 0; at < 30; at += 1) {
    await press(opened.page, 'Tab');
    const now = await focused(opened);
    if (wanted.test(now)) return now;
  }
  throw new Error(`expected Tab to reach ${String(wanted)}, got to ${await focused(opened)}`);
}

export function keyboardScenarios(): void {
  test('signing in, the views, a search, a connection and a change need no mouse', async () => {
    const { server } = await setStage();
    const opened = await openConsole(server.url, { place: '/nodes' });
    const { page } = opened;
    // The dialog has the focus and keeps it.
    await page.getByRole('dialog').waitFor();
    expect(await focused(opened)).toMatch(/^INPUT token/);
    await press(page, 'Escape');
    expect(await page.getByRole('dialog').isVisible()).toBe(true);
    await page.keyboard.type(ADMIN_TOKEN);
    await press(page, 'Enter');
    await page.getByRole('dialog').waitFor({ state: 'detached' });

    expect(await tabTo(opened, /^A .*Skip/)).toMatch(/Skip to the view/);
    await press(page, 'Enter');
    expect(await focused(opened)).toMatch(/^MAIN main/);
    await page.reload();
    await page.getByRole('row', { name: /test-node/ }).waitFor();
    await tabTo(opened, /^A {2}Connections/);
    await press(page, 'Enter');
    await page.getByRole('heading', { name: 'Connections' }).waitFor();
    expect(await focused(opened)).toMatch(/^H1 {2}Connections/);
    await tabTo(opened, /^INPUT.*User, id or address/);
    await page.getByText('2 connections').waitFor();
    await tabTo(opened, /^DIV/);
    await press(page, 'Tab');
    const first = await focused(opened);
    expect(first).toMatch(/^A {2}test-node-/);
    await press(page, 'ArrowDown');
    const second = await focused(opened);
    expect([second.startsWith('A  test-node-'), second === first]).toEqual([true, false]);
    await press(page, 'ArrowUp');
    expect(await focused(opened)).toBe(first);
    await press(page, 'Enter');
    await page.getByRole('heading', { level: 1, name: /^Connection test-node/ }).waitFor();
    await tabTo(opened, /^BUTTON {2}Try/);
    await press(page, 'Enter');
    await page.getByText('It would touch 1 connections').waitFor();
    // The next key carries out the change that was tried.
    expect(await focused(opened)).toMatch(/^BUTTON {2}Carry it out/);
    await press(page, 'Enter');
    await page.getByText(/^Carried out by 1 of 1/).waitFor();
    await page.goBack();
    await page.getByText('1 connections').waitFor();
  });

  test('landmarks, live regions and tables have names; every request is to this server', async () => {
    const { server, token } = await setStage();
    const hosts = new Set<string>();
    const opened = await openConsole(server.url, {
      place: '/connections',
      prepare: (page) => Promise.resolve(void page.on('request', (request) => hosts.add(new URL(request.url()).host))),
    });
    const { page } = opened;
    await page.getByLabel('Token', { exact: true }).fill(token);
    await press(page, 'Enter');
    await page.getByText('2 connections').waitFor();
    for (const [role, count] of [
      ['banner', 1],
      ['navigation', 1],
      ['main', 1],
      ['search', 1],
    ] as const)
      expect([role, await page.getByRole(role).count()]).toEqual([role, count]);
    expect(await page.getByRole('table', { name: 'Open connections' }).getByRole('columnheader').count()).toBe(11);
    expect(await page.getByRole('status').filter({ hasText: '2 connections' }).count()).toBe(1);
    expect(await page.getByRole('link', { name: 'Connections' }).getAttribute('aria-current')).toBe('page');
    await page.getByRole('link', { name: 'Charts' }).click();
    await page.locator('figure canvas').first().waitFor({ state: 'attached' });
    expect([...hosts]).toEqual([`127.0.0.1:${server.port}`]);
  });
}

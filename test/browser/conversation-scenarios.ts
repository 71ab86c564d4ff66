/** examples/conversations.html in two browsers, side by side: list, chat, typing, receipts, what is unread. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { expect, onTestFinished, test } from 'vitest';
import { app as conversations } from '../../src/apps/conversations/app.ts';
import { app as media } from '../../src/apps/media/app.ts';
import { png } from '../harness/media.ts';
import { POSTGRESQL, startPostgresql } from '../harness/postgresql-server.ts';
import { startServer } from '../harness/server.ts';
import { complaintsOf, openTab } from './chromium.ts';

/** Gone with the test. */
function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'signalbox-pages-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

const message = (page: Page, text: RegExp): Promise<void> =>
  page.getByRole('list', { name: 'Messages' }).getByRole('listitem').filter({ hasText: text }).first().waitFor();

export function conversationScenarios(): void {
  test.skipIf(POSTGRESQL === null)('two users write to each other, and see the other type, get and read', async () => {
    const postgresql = await startPostgresql();
    onTestFinished(() => postgresql.end());
    const settings = {
      'apps.media.folder': newFolder(),
      'database.url': await postgresql.database(),
      'database.migrate': 'true',
    };
    const server = await startServer({ ...settings, profile: 'development', 'security.allowed_origins': 'loopback' }, [
      conversations,
      media,
    ]);
    const complaints: string[][] = [];
    const [alice, bob] = await Promise.all(
      ['alice', 'bob'].map(async (user) => {
        const url = `http://localhost:${server.port}/conversations.html?as=${user}`;
        const { page } = await openTab(url, async (tab) => {
          complaints.push(complaintsOf(tab.page));
        });
        await page.getByText('connected', { exact: true }).waitFor();
        return page;
      }),
    );
    if (alice === undefined || bob === undefined) throw new Error('expected two pages');

    await alice.getByRole('textbox', { name: 'User to write to' }).fill('bob');
    await alice.getByRole('button', { name: 'Write to' }).click();
    // Until the server has made it, there is nothing to write in.
    await alice.locator('#list button[aria-current="true"]').waitFor();
    const [mine, others] = [alice, bob].map((page) => page.getByRole('textbox', { name: 'Message', exact: true }));
    await mine?.fill('hello');
    await mine?.press('Enter');
    // Bob has not opened it: the list alone tells.
    await message(alice, /hello.*sent/);
    await bob.getByTitle('1 unread messages').waitFor();
    await bob.getByRole('button', { name: /^alice/ }).click();
    await message(bob, /alice: hello/);
    await message(alice, /hello.*read/);
    await bob.getByTitle('1 unread messages').waitFor({ state: 'detached' });
    await others?.pressSequentially('<b>hi</b>');
    await alice.getByText('bob is typing…').waitFor();
    const folder = process.env['SCREENSHOTS'] ?? newFolder();
    await Promise.all(
      [alice, bob].map((page, at) => page.screenshot({ path: join(folder, `conversations-${at + 1}.png`) })),
    );
    await others?.press('Enter');
    await message(alice, /bob: <b>hi<\/b>/);
    await message(bob, /<b>hi<\/b>.*read/);
    expect(await alice.locator('#typing').textContent()).toBe('');
    const file = { name: 'cat.png', mimeType: 'image/png', buffer: Buffer.from(png(700)) };
    await alice.getByLabel('Send an image').setInputFiles(file);
    await bob.locator('#messages li img[src*="/apps/media/"]').waitFor({ state: 'attached' });
    for (const page of [alice, bob]) expect(await page.locator('#messages li').count()).toBe(3);
    expect(complaints.flat()).toEqual([]);
  });
}

/** examples/assistant.html in Chromium: an answer streams, the network goes in its middle, it is stopped, and asked for again. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { expect, onTestFinished, test } from 'vitest';
import { assistant } from '../../src/apps/assistant/app.ts';
import { LocalProvider, type Script } from '../../src/apps/assistant/providers/local.ts';
import { app as conversations } from '../../src/apps/conversations/app.ts';
import type { Scheduler, Timer } from '../../src/telemetry/clock.ts';
import { systemScheduler } from '../../src/telemetry/system-clock.ts';
import { eventually } from '../harness/deadline.ts';
import { Doorway } from '../harness/doorway.ts';
import { POSTGRESQL, startPostgresql } from '../harness/postgresql-server.ts';
import { startServer } from '../harness/server.ts';
import { complaintsOf, openTab } from './chromium.ts';

const words = (to: number): string => Array.from({ length: to }, (_, at) => `w${at}`).join(' ');
const LONG = words(120);
/** Words of it before the network goes, and while it is away; the rest when it is back. */
const BEFORE = 20;
const MEANWHILE = 60;
const SCRIPTS: Readonly<Record<string, Script>> = {
  long: { answer: LONG, paceMs: 40 },
  markup: { answer: '<b>bold</b> <script>alert(1)</script>', paceMs: 1 },
  hang: { answer: 'it begins', hangs: true },
  fail: { failure: 'unauthorized' },
};

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'signalbox-pages-'));
  onTestFinished(() => rmSync(made, { recursive: true }));
  return made;
}

/** Time that the test lets pass, so that an answer is in its middle for as long as a busy browser takes. */
class HeldTime implements Scheduler {
  private left = 0;
  private readonly waiting: (() => void)[] = [];
  readonly endOfTurn = systemScheduler.endOfTurn.bind(systemScheduler);
  readonly every = systemScheduler.every.bind(systemScheduler);

  after(ms: number, work: () => void): Timer {
    const timer = { isCancelled: false, cancel: () => void (timer.isCancelled = true) };
    const due = (): void => {
      if (!timer.isCancelled) work();
    };
    if (this.left > 0) {
      this.left -= 1;
      systemScheduler.after(ms, due);
    } else this.waiting.push(due);
    return timer;
  }

  /** So many more of what waits, now or later. */
  pass(count: number): void {
    const now = this.waiting.splice(0, count);
    this.left += count - now.length;
    for (const due of now) due();
  }
}

const row = (page: Page, text: RegExp): Promise<void> =>
  page.getByRole('list', { name: 'Messages' }).getByRole('listitem').filter({ hasText: text }).first().waitFor();
const texts = (page: Page): Promise<string[]> => page.locator('#messages li > span').allTextContents();

async function ask(page: Page, text: string): Promise<void> {
  await page.getByRole('textbox', { name: 'Question' }).fill(text);
  await page.getByRole('button', { name: 'Ask' }).click();
}

export function assistantScenarios(): void {
  test.skipIf(POSTGRESQL === null)(
    'L-04: the network goes in mid-answer and comes back: no word is missing or there twice; stop, again, and a second tab',
    async () => {
      const postgresql = await startPostgresql();
      onTestFinished(() => postgresql.end());
      const script = ({ turns }: { readonly turns: readonly { readonly text: string }[] }) =>
        SCRIPTS[turns.at(-1)?.text.split('\n\n').at(-1) ?? ''];
      const time = new HeldTime();
      time.pass(BEFORE);
      const settings = { 'database.url': await postgresql.database(), 'database.migrate': 'true' };
      const server = await startServer(
        { ...settings, profile: 'development', 'security.allowed_origins': 'loopback' },
        [conversations, assistant({ provider: new LocalProvider({ paceMs: 5, script }, time) })],
      );
      const doorway = await Doorway.open(server.port);
      const shots = process.env['SCREENSHOTS'] ?? folder();
      const complaints: string[][] = [];
      const url = `http://localhost:${doorway.port}/assistant.html`;
      const { page, context } = await openTab(url, async (tab) => {
        complaints.push(complaintsOf(tab.page));
      });
      await page.getByRole('button', { name: 'New chat' }).click();
      await page.getByText('connected', { exact: true }).waitFor();
      await ask(page, 'long');
      await row(page, /w0 w1 w2 .*answering/);
      await page.screenshot({ path: join(shots, 'assistant-1-streaming.png') });

      doorway.silence();
      doorway.cut();
      await context.setOffline(true);
      await page.getByText(/^(waiting|connecting)$/).waitFor();
      const [, before = ''] = await texts(page);
      expect(LONG.startsWith(before)).toBe(true);
      await page.screenshot({ path: join(shots, 'assistant-2-unplugged.png') });
      time.pass(MEANWHILE);
      doorway.mend();
      await context.setOffline(false);
      await row(page, /answering/);
      // The page has got the words of the meantime, and it goes on.
      await eventually(async () => ((await texts(page))[1]?.length ?? 0) > before.length, 'the answer to grow');
      const [second] = await Promise.all([context.waitForEvent('page'), page.click('#other')]);
      complaints.push(complaintsOf(second));
      time.pass(Infinity);
      for (const side of [page, second]) {
        await row(side, /w118 w119.*tokens/);
        expect(await texts(side)).toEqual(['long', LONG]);
      }

      await ask(second, 'hang');
      await row(page, /it begins.*answering/);
      await page.getByRole('button', { name: 'Stop' }).click();
      for (const side of [page, second]) await row(side, /it begins.*stopped/);
      await page.getByRole('button', { name: 'Again' }).click();
      await page.getByRole('button', { name: 'Stop' }).click();
      await row(page, /stopped.*local/);
      await page.locator('#messages li.replaced').waitFor();
      expect(await texts(page)).toEqual(['long', LONG, 'hang', 'it begins', 'it begins']);
      await ask(page, 'fail');
      for (const side of [page, second]) await row(side, /failed: unauthorized/);
      await ask(page, 'markup');
      await row(page, /<b>bold<\/b> <script>.*tokens/);
      await page.screenshot({ path: join(shots, 'assistant-3-whole.png') });
      // A browser says of each attempt without a network that it failed.
      expect(
        complaints
          .flat()
          .filter((text) => !text.includes('ERR_INTERNET_DISCONNECTED') && !text.includes('WebSocket connection')),
      ).toEqual([]);
    },
  );
}

/** The page of a development server, in two tabs: they talk, the cable of one is cut, and it catches up. */
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { startServer } from '../harness/server.ts';
import { complaintsOf, openTab } from './chromium.ts';

const linesOf = (page: Page): Promise<string[]> => page.locator('#messages li').allTextContents();

/** Waited for in the page, which costs less than asking it again and again. */
const isIn = (page: Page, id: string, text: RegExp): Promise<void> => page.locator(id, { hasText: text }).waitFor();

async function say(page: Page, text: string): Promise<void> {
  await page.fill('#text', text);
  await page.click('text=Send');
}

function shows(page: Page, line: string): Promise<void> {
  return page.getByText(line, { exact: true }).first().waitFor();
}

export function pageScenarios(): void {
  test('two tabs talk; one has its cable cut for good, and catches up when it is plugged in', async () => {
    const server = await startServer({ profile: 'development', 'security.allowed_origins': 'loopback' });
    const complaints: string[][] = [];
    const { page: alice, context } = await openTab(`http://localhost:${server.port}/`, async ({ page }) => {
      complaints.push(complaintsOf(page));
    });
    const [bob] = await Promise.all([context.waitForEvent('page'), alice.click('#other')]);
    complaints.push(complaintsOf(bob));
    for (const page of [alice, bob]) await isIn(page, '#state', /^connected$/);
    await say(alice, 'hello');
    await shows(bob, 'alice: hello');
    await say(bob, '<b>hi</b>');
    await shows(alice, 'bob: <b>hi</b>');

    await alice.click('text=Cut the cable');
    await isIn(alice, '#state', /^no connection/);
    for (const text of ['one', 'two', 'three']) await say(bob, text);
    await say(alice, 'while away');
    await shows(bob, 'bob: three');
    await isIn(alice, '#state', /attempt [2-9]/);
    expect(await linesOf(alice)).toEqual(['alice: hello', 'bob: <b>hi</b>']);
    expect(await alice.locator('#waiting').textContent()).toBe('1');

    await alice.click('text=Plug the cable in');
    await shows(alice, 'caught up: 3 missed');
    await shows(alice, 'alice: while away');
    await shows(bob, 'alice: while away');
    // Her own one may come before or after the rest of what she missed.
    const [own, others] = [await linesOf(alice), await linesOf(bob)].map((lines) =>
      lines.filter((line) => line === 'alice: while away'),
    );
    expect([own?.length, others?.length]).toEqual([1, 1]);
    expect((await linesOf(alice)).slice(2).filter((line) => line !== 'alice: while away')).toEqual([
      'bob: one (replayed)',
      'bob: two (replayed)',
      'bob: three (replayed)',
      'caught up: 3 missed',
    ]);
    await isIn(alice, '#waiting', /^0$/);
    expect(await alice.locator('#position').textContent()).toMatch(/"sequence":6/);
    expect(complaints).toEqual([[], []]);
  });
}

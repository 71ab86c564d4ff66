/** Every view with a real server behind it, at two widths: what it shows, what axe finds, what the policy stops. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import axe from 'axe-core';
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { heading, openSignedIn, type OpenConsole } from './desk.ts';
import { setStage, TOPIC, withFigures, type Stage } from './stage.ts';

const WIDTHS = { wide: { width: 1_280, height: 800 }, narrow: { width: 390, height: 800 } };
/** With `CONSOLE_PICTURES=1` the pictures of docs/console.md are taken anew. */
const PICTURES =
  process.env['CONSOLE_PICTURES'] === undefined
    ? null
    : fileURLToPath(new URL('../../../docs/console', import.meta.url));

interface ViewCase {
  readonly name: string;
  readonly place: (stage: Stage) => string;
  readonly title: string | RegExp;
  /** Until everything is there. */
  readonly ready: (page: Page) => Promise<unknown>;
}

const row = (page: Page, name: RegExp): Promise<void> => page.getByRole('row', { name }).first().waitFor();

const CASES: readonly ViewCase[] = [
  { name: 'nodes', place: () => '/nodes', title: 'Nodes', ready: (page) => row(page, /test-node running 2/) },
  { name: 'connections', place: () => '/connections', title: 'Connections', ready: (page) => row(page, /bob/) },
  {
    name: 'connection',
    place: ({ server }) => `/connections/${idOf(server, 'bob')}`,
    title: /^Connection test-node/,
    ready: (page) => row(page, /invalid_topic/),
  },
  { name: 'topics', place: () => '/topics', title: 'Topics', ready: (page) => row(page, /news.today/) },
  {
    name: 'topic',
    place: () => `/topics/${TOPIC}`,
    title: `Topic ${TOPIC}`,
    ready: async (page) => {
      await page.getByRole('button', { name: 'Read the history' }).click();
      await page.getByText('größer').waitFor();
      await page.getByRole('button', { name: 'Show the members' }).click();
      await row(page, /alice/);
    },
  },
  {
    name: 'trace',
    place: ({ traced }) => `/trace/${traced}?user=alice`,
    title: 'Message trace',
    ready: async (page) => {
      await page.locator('.why', { hasText: /^alice got it on connection/ }).waitFor();
      await row(page, /bob written/);
      await row(page, /chat\.\*\*/);
    },
  },
  {
    name: 'emergency',
    place: () => '/emergency',
    title: 'Emergency',
    ready: (page) => row(page, /mode test-node running/),
  },
  {
    name: 'charts',
    place: () => '/charts',
    title: 'Charts',
    ready: (page) => page.locator('figure canvas').nth(6).waitFor({ state: 'attached' }),
  },
  {
    name: 'dead-letters',
    place: () => '/dead-letters',
    title: 'Dead letters',
    ready: async (page) => {
      await row(page, /a planted fault/);
      await row(page, /evt-2/);
    },
  },
  {
    name: 'doctor',
    place: () => '/doctor',
    title: 'Doctor',
    ready: (page) => page.locator('.sum', { hasText: /not available on this server|\d+ ok$/ }).waitFor(),
  },
];

function idOf(server: Stage['server'], user: string): string {
  return server.running.node.connections.find(({ principal }) => principal.user === user)?.id ?? '';
}

interface Violation {
  readonly id: string;
  readonly nodes: readonly { readonly html: string }[];
}

async function violations({ tab }: OpenConsole): Promise<string[]> {
  await tab.ask(axe.source.concat('\n;0'), 'axe to be there');
  const found = await tab.ask<readonly Violation[]>(
    'axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) => violations)',
    'axe to look at the page',
    20_000,
  );
  return found.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(' | ')}`);
}

export function viewScenarios(): void {
  // In two halves, because axe takes half a second for each page.
  test.each([
    ['lists and topics', CASES.slice(0, 5)],
    ['what operators look into', CASES.slice(5)],
  ])('%s show what there is, and axe finds nothing, in two widths and in both colours', async (_, cases) => {
    const stage = await setStage();
    const opened = await openSignedIn(stage.server.url, { prepare: withFigures }, stage.token);
    const { page, complaints } = opened;
    const found: string[] = [];
    for (const { name, place, title, ready } of cases) {
      await page.goto(`${stage.server.url}/admin/console#${place(stage)}`);
      await heading(page, title);
      await ready(page);
      for (const [width, size] of Object.entries(WIDTHS)) {
        await page.emulateMedia({ colorScheme: width === 'wide' ? 'light' : 'dark' });
        await page.setViewportSize(size);
        if (PICTURES !== null) {
          await page.screenshot({ path: join(PICTURES, `${name}-${width}.png`) });
        }
        found.push(...(await violations(opened)).map((text) => `${name} ${width}: ${text}`));
        // Nothing is beside the page; only tables scroll in themselves.
        const beside = await opened.tab.ask<number>('document.documentElement.scrollWidth - innerWidth');
        if (beside > 0) found.push(`${name} ${width}: ${beside} pixels are beside the page`);
      }
      await page.setViewportSize(WIDTHS.wide);
    }
    expect(found).toEqual([]);
    expect(complaints).toEqual([]);
  });
}

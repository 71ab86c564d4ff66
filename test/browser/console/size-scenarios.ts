/** Ten thousand connections and a thousand topics: what is in the page, and what is asked of the server, stays small. */
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { openSignedIn, serverWithConsole } from './desk.ts';

const CONNECTIONS = 10_000;
const TOPICS = 1_000;
/** Rows of a window of 800 pixels, and those around them. */
const MOST_ROWS = 60;

interface Scrolled {
  readonly frames: number;
  readonly mostRows: number;
  /** Ms, of the slowest frame and of one in the middle. */
  readonly slowest: number;
  readonly median: number;
}

/** Stands in for the server: the same rows for the same place. */
async function withMany(page: Page): Promise<number[]> {
  const offsets: number[] = [];
  const serve = (path: string, name: string, total: number, rowOf: (at: number) => object): Promise<unknown> =>
    page.route(`**/admin/${path}?*`, (route) => {
      const query = new URL(route.request().url()).searchParams;
      const [offset, limit] = [Number(query.get('offset')), Number(query.get('limit'))];
      offsets.push(offset);
      const rows = Array.from({ length: Math.min(limit, total - offset) }, (_, at) => rowOf(offset + at));
      const nodes = [{ node: 'big', total, problem: null }];
      return route.fulfill({ json: { node: '*', nodes, total, offset, next_offset: null, [name]: rows } });
    });
  await serve('connections', 'connections', CONNECTIONS, (at) => ({
    id: `big-abc-${at.toString(36)}`,
    user: `user${at}`,
    tenant: '',
    address: '192.0.2.1',
    transport: 'websocket',
    format: 'json',
    state: 'open',
    connected_secs: at,
    subscriptions: 3,
    mailbox_messages: CONNECTIONS - at,
    mailbox_bytes: at * 100,
    oldest_age_ms: at,
    lag: 0,
    buffered_bytes: 0,
    blocked: false,
  }));
  await serve('topics', 'topics', TOPICS, (at) => ({
    topic: `room.${at}`,
    epoch: 'abcdef',
    sequence: at,
    ephemeral: false,
    subscribers: TOPICS - at,
    lagging: 0,
    routed: at,
    tail: { from: 1, bytes: at * 10 },
  }));
  return offsets;
}

/** From the first row to the last in so many frames, each of which is looked at. */
const SCROLL = (frames: number): string => `(async () => {
  const area = document.querySelector('.virtual');
  const times = [];
  let mostRows = 0;
  let last = await new Promise(requestAnimationFrame);
  for (let frame = 1; frame <= ${frames}; frame += 1) {
    area.scrollTop = (area.scrollHeight - area.clientHeight) * frame / ${frames};
    const now = await new Promise(requestAnimationFrame);
    times.push(now - last);
    last = now;
    mostRows = Math.max(mostRows, area.querySelectorAll('tbody tr').length);
  }
  times.sort((a, b) => a - b);
  return { frames: times.length, mostRows, slowest: times.at(-1), median: times[times.length >> 1] };
})()`;

export function sizeScenarios(): void {
  test.each([
    ['connections', CONNECTIONS, /big-abc-7pr user9999/],
    ['topics', TOPICS, /room\.999/],
  ])(
    '%s: a few rows are in the page wherever it is scrolled to, and the last one is reached',
    async (view, total, last) => {
      const server = await serverWithConsole();
      let offsets: number[] = [];
      const prepare = async (page: Page): Promise<void> => {
        await page.setViewportSize({ width: 1_280, height: 800 });
        offsets = await withMany(page);
      };
      const { page, tab } = await openSignedIn(server.url, { place: `/${view}`, prepare });
      await page.getByText(`${total.toLocaleString('en')} ${view}`).waitFor();
      const scrolled = await tab.ask<Scrolled>(SCROLL(120), 'it to scroll', 30_000);
      expect([scrolled.frames, scrolled.mostRows <= MOST_ROWS]).toEqual([120, true]);
      await page.getByRole('row', { name: last }).waitFor();
      expect(await page.getByRole('table').getAttribute('aria-rowcount')).toBe(String(total + 1));
      // Pages of 200 rows: each place is asked for once, and again only while it is looked at.
      expect(Math.max(...offsets)).toBe(total - 200);
      expect(offsets.length).toBeLessThan(2 * (total / 200) + 20);
      if (process.env['CONSOLE_FRAMES'] !== undefined) process.stdout.write(`${view}: ${JSON.stringify(scrolled)}\n`);
    },
  );
}

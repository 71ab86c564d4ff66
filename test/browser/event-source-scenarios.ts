/** The browser's own EventSource over `GET /sse`. */
import { expect, onTestFinished, test } from 'vitest';
import { clientOf } from '../client/rig.ts';
import { Doorway } from '../harness/doorway.ts';
import { startRedis } from '../harness/redis-server.ts';
import { startServer } from '../harness/server.ts';
import { openTab, type FrontTab } from './chromium.ts';
import { expectWhole, OPEN, publishTo } from './reading.ts';
import { Site, type SiteOptions } from './site.ts';

const SUBSCRIBED = `record.kinds.includes('subscribed')`;
/** How long a browser is told to wait at most, and a while. */
const RETRY_MS = 12_000;

/** @returns the tab, and the `Last-Event-ID` of every request for a stream */
async function openEvents(port: number, options?: SiteOptions): Promise<[FrontTab, Promise<string | undefined>[]]> {
  const site = await Site.open(options);
  const asked: Promise<string | undefined>[] = [];
  const tab = await openTab(site.page('events.html', { port, topic: 'chat.42' }), async ({ page }) => {
    page.on('request', (request) => {
      if (request.url().includes('/sse?')) asked.push(request.allHeaders().then((headers) => headers['last-event-id']));
    });
  });
  await tab.until(SUBSCRIBED);
  return [tab, asked];
}

export function eventSourceScenarios(): void {
  test('a stream that is cut goes on at its last event', async () => {
    const server = await startServer(OPEN);
    const doorway = await Doorway.open(server.port);
    const [tab, asked] = await openEvents(doorway.port);
    const bob = clientOf(server, 'bob').topic('chat.42');
    await publishTo(bob, 0, 10);
    await tab.until('record.payloads.length === 10');
    doorway.cut();
    await publishTo(bob, 10, 30);
    await tab.until('record.opened === 2', RETRY_MS);
    await expectWhole(tab, await publishTo(bob, 30, 40));
    expect(await Promise.all(asked)).toEqual([undefined, expect.stringMatching(/^[^:]+:10$/)]);
  });

  test('a node that drains ends it, and the next node goes on', async () => {
    const redis = await startRedis();
    const settings = { ...OPEN, 'redis.url': redis.url, 'shutdown.grace_secs': '5' };
    const [first, second] = await Promise.all([startServer(settings), startServer(settings)]);
    const doorway = await Doorway.open(first.port);
    const [tab, asked] = await openEvents(doorway.port);
    const bob = clientOf(second, 'bob').topic('chat.42');
    await publishTo(bob, 0, 10);
    await tab.until('record.payloads.length === 10');
    doorway.target = second.port;
    const stopped = first.stop();
    await publishTo(bob, 10, 20);
    await stopped;
    await tab.until('record.opened === 2', RETRY_MS);
    await expectWhole(tab, await publishTo(bob, 20, 30));
    expect(await tab.ask('record.codes')).toEqual([4101]);
    expect(await tab.ask('record.kinds')).toContain('draining');
    expect(asked.length).toBe(2);
  });

  test('the end of its token stops it for good', async () => {
    const server = await startServer({ ...OPEN, 'auth.leeway_secs': '0' });
    const [tab, asked] = await openEvents(server.port, { tokenSecs: () => 3 });
    const bob = clientOf(server, 'bob').topic('chat.42');
    const sent = await publishTo(bob, 0, 5);
    const beating = setInterval(() => server.beat(), 50);
    onTestFinished(() => clearInterval(beating));
    // It comes back once, is told 401, and a browser asks no more.
    await tab.until('record.state === EventSource.CLOSED', RETRY_MS);
    await expectWhole(tab, sent);
    expect(await tab.ask('record.codes')).toEqual([4300]);
    expect(await tab.ask('record.kinds')).toContain('token_expiring');
    expect(asked.length).toBe(2);
  });
}

/** A page in React, in development mode: everything is mounted twice, modules are replaced, components come and go. */
import { expect, test } from 'vitest';
import { clientOf } from '../client/rig.ts';
import { eventually } from '../harness/deadline.ts';
import { startServer } from '../harness/server.ts';
import { openTab } from './chromium.ts';
import { expectWhole, LIVE, OPEN, publishTo } from './reading.ts';
import { Site } from './site.ts';

export function reactScenarios(): void {
  test('StrictMode, a replaced module and a remount: one socket, one subscription, every message once', async () => {
    const server = await startServer(OPEN);
    const site = await Site.open();
    const sent: string[] = [];
    let sockets = 0;
    const tab = await openTab(site.page('react.html', { port: server.port }), async ({ page }) => {
      page.on('websocket', (socket) => {
        sockets += 1;
        socket.on('framesent', ({ payload }) => {
          sent.push((JSON.parse(String(payload)) as { readonly type: string }).type);
        });
      });
    });
    const shows = (text: string): Promise<void> =>
      tab.until(`document.querySelector('main').textContent === ${JSON.stringify(text)}`);
    const bob = clientOf(server, 'bob').topic('chat.42');
    await tab.until(LIVE);
    await publishTo(bob, 0, 3);
    await shows('first: connected live 0,1,2');
    expect(sent).toEqual(['Subscribe', 'History']);
    await tab.ask(`show('second')`);
    await shows('second: connected live 0,1,2');
    await publishTo(bob, 3, 5);
    await shows('second: connected live 2,3,4');
    await tab.ask('unmount()');
    await shows('');
    await tab.ask(`show('first')`);
    await shows('first: connected live 2,3,4');
    await expectWhole(tab, await publishTo(bob, 5, 7));
    // Each new component reads its first page, and nothing else is asked for.
    expect([sockets, sent]).toEqual([1, ['Subscribe', 'History', 'History', 'History']]);
    await tab.ask('unmount()');
    await eventually(() => sent.length === 5, 'the end of the subscription');
    expect(sent.at(-1)).toBe('Unsubscribe');
  });
}

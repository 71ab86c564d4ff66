/** The official client of Socket.IO in a page of another origin: polls with CORS, the upgrade, a break. */
import { expect, test } from 'vitest';
import { clientOf } from '../client/rig.ts';
import { Doorway } from '../harness/doorway.ts';
import { startServer } from '../harness/server.ts';
import { openTab } from './chromium.ts';
import { expectWhole, LIVE, OPEN, publishTo } from './reading.ts';
import { Site } from './site.ts';

export function socketIoScenarios(): void {
  test('it polls, comes over to a WebSocket, and misses and repeats nothing when that is cut', async () => {
    const server = await startServer({ ...OPEN, 'socketio.enabled': 'true' });
    const doorway = await Doorway.open(server.port);
    const site = await Site.open();
    const tab = await openTab(site.page('socketio.html', { port: doorway.port, topic: 'chat.42' }));
    await tab.until(LIVE);
    const bob = clientOf(server, 'bob').topic('chat.42');
    await publishTo(bob, 0, 10);
    await tab.until(`record.payloads.length === 10 && record.transport === 'websocket'`);
    doorway.cut();
    await publishTo(bob, 10, 30);
    await tab.until('record.recovered.length === 2');
    await expectWhole(tab, await publishTo(bob, 30, 40));
    expect(await tab.ask('record.recovered')).toEqual([false, true]);
    expect(await tab.ask('record.errors')).toEqual([]);
  });
}

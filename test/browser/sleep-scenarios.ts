/** Pages that are put aside: hidden, frozen, left, and on machines that sleep. */
import { expect, test } from 'vitest';
import { clientOf } from '../client/rig.ts';
import { eventually } from '../harness/deadline.ts';
import { Doorway } from '../harness/doorway.ts';
import { startServer, type TestServer } from '../harness/server.ts';
import { HideableTab, openTab } from './chromium.ts';
import { expectWhole, LIVE, OPEN, publishTo } from './reading.ts';
import { Site } from './site.ts';

const connectionsOf = (server: TestServer, user: string): number =>
  server.running.node.connections.filter(({ principal }) => principal.user === user).length;

const IS_WRITTEN = `new Promise((resolve) => {
  const open = indexedDB.open('signalbox:alice');
  open.onsuccess = () => {
    const found = open.result.transaction('queue').objectStore('queue').getAll();
    found.onsuccess = () => {
      open.result.close();
      resolve(found.result.length === 1);
    };
  };
})`;

export function sleepScenarios(): void {
  test('a hidden page whose timers run once a second reads on, and comes back after a cut', async () => {
    const server = await startServer(OPEN);
    const [doorway, site] = await Promise.all([Doorway.open(server.port), Site.open()]);
    const tab = await HideableTab.open(site.page('page.html', { port: doorway.port, topic: 'chat.42' }));
    await tab.until(LIVE);
    const bob = clientOf(server, 'bob').topic('chat.42');
    await publishTo(bob, 0, 5);
    await tab.hide();
    await tab.ask('{ ticks = 0; hiddenAt = performance.now(); setInterval(() => { ticks += 1; }, 10); }');
    await publishTo(bob, 5, 10);
    await tab.until('record.payloads.length === 10');
    doorway.cut();
    await publishTo(bob, 10, 20);
    await expectWhole(tab, await publishTo(bob, 20, 25));
    const { ticks, secs } = await tab.ask<{ readonly ticks: number; readonly secs: number }>(
      '({ ticks, secs: (performance.now() - hiddenAt) / 1_000 })',
    );
    // In front there would be a hundred a second.
    expect(ticks).toBeLessThan(10 + 5 * secs);
  });

  test('a frozen page whose connection dies has everything when it thaws', async () => {
    const server = await startServer(OPEN);
    const [doorway, site] = await Promise.all([Doorway.open(server.port), Site.open()]);
    const tab = await HideableTab.open(site.page('page.html', { port: doorway.port, topic: 'chat.42' }));
    await tab.until(LIVE);
    const bob = clientOf(server, 'bob').topic('chat.42');
    await publishTo(bob, 0, 5);
    await tab.until('record.payloads.length === 5');
    await tab.hide();
    await tab.ask("{ isFrozen = false; document.addEventListener('freeze', () => { isFrozen = true; }); }");
    await tab.send('Page.setWebLifecycleState', { state: 'frozen' });
    // The command is answered before the page is: it would still take a message.
    await eventually(async () => tab.ask<boolean>('isFrozen'), 'the page to be frozen');
    await publishTo(bob, 5, 10);
    doorway.cut();
    await eventually(() => connectionsOf(server, 'alice') === 0, 'the connection to be gone');
    await publishTo(bob, 10, 20);
    expect(await tab.ask('record.payloads.length')).toBe(5);
    await tab.send('Page.setWebLifecycleState', { state: 'active' });
    await tab.show();
    await expectWhole(tab, await publishTo(bob, 20, 25));
  });

  test('a page that is left lets go of its connection, lies in the back-forward cache, and goes on when it is back', async () => {
    const server = await startServer(OPEN);
    const site = await Site.open();
    const tab = await openTab(site.page('page.html', { port: server.port, topic: 'chat.42' }));
    await tab.until(LIVE);
    const bob = clientOf(server, 'bob').topic('chat.42');
    await publishTo(bob, 0, 5);
    await tab.until('record.payloads.length === 5');
    await tab.ask('{ isTheSame = true; }');
    await tab.page.goto(site.page('empty.html'));
    await eventually(() => connectionsOf(server, 'alice') === 0, 'the connection to be gone');
    await publishTo(bob, 5, 20);
    await tab.ask('history.back()');
    await eventually(async () => (await tab.ask('globalThis.isTheSame')) === true, 'the page of before');
    const { states } = await expectWhole(tab, await publishTo(bob, 20, 25));
    expect(states).toEqual(['connecting', 'connected', 'suspended', 'connecting', 'connected']);
  });

  test('a machine that slept for an hour with a dead connection asks for a token and is back', async () => {
    const server = await startServer(OPEN);
    const [doorway, site] = await Promise.all([Doorway.open(server.port), Site.open()]);
    const tab = await openTab(site.page('page.html', { port: doorway.port, topic: 'chat.42' }), ({ page }) =>
      page.clock.install(),
    );
    await tab.until(LIVE);
    const bob = clientOf(server, 'bob').topic('chat.42');
    await publishTo(bob, 0, 5);
    await tab.until('record.payloads.length === 5');
    doorway.silence();
    await publishTo(bob, 5, 20);
    await tab.page.clock.fastForward(3_600_000);
    doorway.mend();
    // So long it waits for a sign of life.
    await tab.page.clock.fastForward(5_000);
    const { asked } = await expectWhole(tab, await publishTo(bob, 20, 25));
    expect(asked).toEqual(['connect', 'connect']);
  });

  test.each(['indexedDB', 'localStorage'])(
    'a page that is loaded anew has its position and its queue from %s',
    async (storage) => {
      const server = await startServer(OPEN);
      const [doorway, site] = await Promise.all([Doorway.open(server.port), Site.open()]);
      const tab = await openTab(site.page('page.html', { port: doorway.port, topic: 'chat.42', storage }));
      await tab.until(LIVE);
      const bob = clientOf(server, 'bob').topic('chat.42');
      await publishTo(bob, 0, 5);
      await tab.until('record.payloads.length === 5');
      doorway.refusesUpgrades = true;
      doorway.cut();
      await tab.ask(`{ client.topic('chat.42').publish('left behind'); undefined; }`);
      await publishTo(bob, 5, 10);
      // Half a second later it is written. A page that is left before that keeps it in localStorage for certain, in IndexedDB mostly.
      if (storage === 'indexedDB') await eventually(() => tab.ask(IS_WRITTEN), 'the entry of the queue to be written');
      await tab.page.reload();
      doorway.refusesUpgrades = false;
      await tab.until('record.payloads.length === 6');
      await expectWhole(tab, [5, 6, 7, 8, 9, 'left behind']);
    },
  );
}

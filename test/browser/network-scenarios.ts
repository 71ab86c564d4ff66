/** The network and the server fail under a page. */
import { expect, onTestFinished, test } from 'vitest';
import { clientOf } from '../client/rig.ts';
import { eventually } from '../harness/deadline.ts';
import { Doorway } from '../harness/doorway.ts';
import { startProcess } from '../harness/process.ts';
import { startRedis } from '../harness/redis-server.ts';
import { startServer } from '../harness/server.ts';
import { openTab } from './chromium.ts';
import { expectWhole, LIVE, OPEN, publishTo } from './reading.ts';
import { Site } from './site.ts';

export function networkScenarios(): void {
  test('the server is killed and another one starts: the page goes on where it was', async () => {
    const redis = await startRedis();
    const settings = { ...OPEN, 'redis.url': redis.url };
    const [first, second, site] = await Promise.all([
      startProcess(Object.entries(settings).flatMap(([key, value]) => ['--set', `${key}=${value}`])),
      startServer(settings),
      Site.open(),
    ]);
    const doorway = await Doorway.open(first.port);
    const tab = await openTab(site.page('page.html', { port: doorway.port, topic: 'chat.42' }));
    await tab.until(LIVE);
    const bob = clientOf(second, 'bob').topic('chat.42');
    await publishTo(bob, 0, 10);
    await tab.until('record.payloads.length >= 5');
    first.signal('SIGKILL');
    await first.exited;
    await tab.until(`record.states.includes('waiting')`);
    await publishTo(bob, 10, 30);
    doorway.target = second.port;
    const { states, errors } = await expectWhole(tab, await publishTo(bob, 30, 40));
    expect([states.at(-1), errors]).toEqual(['connected', []]);
  });

  test('the network is gone without a word and comes back: what the page published meanwhile is there once', async () => {
    const server = await startServer(OPEN);
    const [doorway, site] = await Promise.all([Doorway.open(server.port), Site.open()]);
    const tab = await openTab(site.page('page.html', { port: doorway.port, topic: 'chat.42' }));
    await tab.until(LIVE);
    const bob = clientOf(server, 'bob').topic('chat.42');
    await publishTo(bob, 0, 5);
    await tab.until('record.payloads.length === 5');
    doorway.silence();
    await tab.context.setOffline(true);
    await publishTo(bob, 5, 20);
    await tab.ask(`{ sent = client.topic('chat.42').publish(20); undefined; }`);
    // The event only makes it ask for a sign of life; 4 s without one are the proof.
    await tab.until(`record.states.includes('waiting')`);
    await tab.until(`record.states.filter((status) => status === 'waiting').length > 2`);
    doorway.mend();
    await tab.context.setOffline(false);
    expect(await tab.ask<number>('sent.then(({ sequence }) => sequence)')).toBe(21);
    await expectWhole(tab, await publishTo(bob, 21, 25));
  });

  test('a network that lets no WebSocket pass: a stream of events takes over, also after it was cut', async () => {
    const server = await startServer(OPEN);
    const [doorway, site] = await Promise.all([Doorway.open(server.port), Site.open()]);
    doorway.refusesUpgrades = true;
    const tab = await openTab(site.page('page.html', { port: doorway.port, topic: 'chat.42', fallback: 1 }));
    await tab.until(LIVE);
    expect(await tab.ask('client.state.transport')).toBe('sse');
    const bob = clientOf(server, 'bob').topic('chat.42');
    await publishTo(bob, 0, 10);
    await tab.until('record.payloads.length === 10');
    doorway.cut();
    await publishTo(bob, 10, 20);
    await expectWhole(tab, await publishTo(bob, 20, 25));
    expect(await tab.ask(`client.topic('chat.42').publish(25).then(({ sequence }) => sequence)`)).toBe(26);
    expect(await tab.ask('client.state.transport')).toBe('sse');
  });

  test('its token ends: a new one goes out on the same connection, and one that is not taken brings another', async () => {
    const server = await startServer({ ...OPEN, 'auth.leeway_secs': '0' });
    const site = await Site.open({ tokenSecs: (reason) => (reason === 'connect' ? 3 : 3_600) });
    const tab = await openTab(site.page('page.html', { port: server.port, topic: 'chat.42' }));
    await tab.until(LIVE);
    const bob = clientOf(server, 'bob').topic('chat.42');
    await publishTo(bob, 0, 5);
    const beating = setInterval(() => server.beat(), 50);
    onTestFinished(() => clearInterval(beating));
    await tab.until(`record.asked.includes('expiring')`);
    await eventually(
      () =>
        server.running.node.connections.some(
          ({ principal }) => principal.user === 'alice' && principal.expiresAt > Date.now() + 60_000,
        ),
      'the new token to be taken',
    );
    await publishTo(bob, 5, 10);
    expect(await tab.ask('record.states')).toEqual(['connecting', 'connected']);
    for (const connection of server.running.node.connections)
      if (connection.principal.user === 'alice') connection.close('token_revoked', 'by the test');
    const { asked } = await expectWhole(tab, await publishTo(bob, 10, 15));
    expect(asked).toEqual(['connect', 'expiring', 'rejected']);
  });
}

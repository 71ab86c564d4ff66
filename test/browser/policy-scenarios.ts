/** The built library in pages that may not compile text and run nothing inline. */
import { expect, test } from 'vitest';
import { clientOf } from '../client/rig.ts';
import { startServer } from '../harness/server.ts';
import { openTab } from './chromium.ts';
import { expectWhole, LIVE, OPEN } from './reading.ts';
import { Site } from './site.ts';

export function policyScenarios(): void {
  test.each([
    ['JSON', 'page.html', 'json'],
    ['MessagePack', 'page.html', 'msgpack'],
    ['JSON in a worker', 'worker.html', 'json'],
    ['MessagePack in a worker', 'worker.html', 'msgpack'],
  ])('the first messages in %s', async (_name, page, codec) => {
    const server = await startServer(OPEN);
    const site = await Site.open();
    const tab = await openTab(site.page(page, { port: server.port, topic: 'chat.42', codec }));
    await tab.until(LIVE);
    const sent = [{ text: 'hello' }, { text: 'größer 🎉', list: [1, -2.5, null, true] }];
    for (const payload of sent) await clientOf(server, 'bob').topic('chat.42').publish(payload);
    const { states, errors } = await expectWhole(tab, sent);
    expect([states, errors]).toEqual([['connecting', 'connected'], []]);
    await expect(tab.ask(`new Function('return 1')()`)).rejects.toThrow('unsafe-eval');
  });

  test('one classic script in a page without modules', async () => {
    const server = await startServer(OPEN);
    const site = await Site.open();
    const tab = await openTab(site.page('classic.html', { port: server.port }));
    expect(await tab.ask('heard')).toEqual(['hello', true, true]);
    expect(await tab.ask('signalbox.isSignalboxError(signalbox.signedOut())')).toBe(true);
  });
}

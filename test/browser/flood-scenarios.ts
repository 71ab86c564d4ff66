/** More than a page can take: the log is the buffer, and neither side's memory grows with what is published. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import type { Host } from '../../src/index.ts';
import { appOf } from '../harness/apps.ts';
import { startServer, type TestServer } from '../harness/server.ts';
import { openTab, type Tab } from './chromium.ts';
import { OPEN } from './reading.ts';
import { Site } from './site.ts';

const PER_SECOND = 10_000;
const SECONDS = 5;
const BATCH = 100;
const TEXT = 'x'.repeat(64);
const MIB = 1_048_576;

interface SlowRecord {
  readonly count: number;
  /** How often the library left the topic to the log. */
  readonly left: number;
}

interface Memory {
  readonly messages: number;
  /** After a collection. */
  readonly pageHeap: number;
  readonly nodeHeap: number;
  readonly mailboxes: number;
  readonly tails: number;
  readonly log: number;
}

function collect(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}

async function measure(tab: Tab, server: TestServer, messages: number): Promise<Memory> {
  await tab.send('HeapProfiler.collectGarbage');
  const { usedSize } = (await tab.send('Runtime.getHeapUsage')) as { readonly usedSize: number };
  const [mailboxes, tails, log] = await Promise.all(
    ['mailbox_bytes', 'tail_bytes', 'log_bytes'].map((name) => server.metric(`signalbox_${name}`)),
  );
  collect();
  const nodeHeap = process.memoryUsage().heapUsed;
  return { messages, pageHeap: usedSize, nodeHeap, mailboxes: mailboxes ?? 0, tails: tails ?? 0, log: log ?? 0 };
}

/** Publishes for some seconds, at most so many a second, within the node: another client would need half of the machine. */
async function flood(host: Host, first: number, seconds: number): Promise<number> {
  const started = performance.now();
  const last = first + PER_SECOND * seconds;
  let at = first;
  while (at < last && performance.now() - started < seconds * 1_000) {
    const batch = Array.from({ length: BATCH }, (_, index) =>
      host.publish('ticks', { payload: { at: at + index + 1, text: TEXT } }),
    );
    for (const published of await Promise.all(batch)) expect(published).toHaveProperty('position');
    at += BATCH;
    const ahead = started + ((at - first) / PER_SECOND) * 1_000 - performance.now();
    if (ahead > 0)
      await new Promise((resolve) => {
        setTimeout(resolve, ahead);
      });
  }
  return at;
}

export function floodScenarios(): void {
  test('10,000 messages a second to a handler that takes 200: memory stays flat, and every message comes in the end', async () => {
    const started = Promise.withResolvers<Host>();
    const ticker = appOf('ticker', (host) => {
      started.resolve(host);
      return {};
    });
    const settings = { ...OPEN, 'rate_limiting.enabled': 'false', 'topics.history': '100000' };
    const [server, host, site] = await Promise.all([startServer(settings, [ticker]), started.promise, Site.open()]);
    const tab = await openTab(site.page('slow.html', { port: server.port, topic: 'ticks' }));
    await tab.until('record.isLive');
    const start = await measure(tab, server, 0);
    const half = await flood(host, 0, SECONDS / 2);
    const middle = await measure(tab, server, half);
    const all = await flood(host, half, SECONDS / 2);
    const end = await measure(tab, server, all);
    process.stdout.write(`a flood in Chromium: ${[start, middle, end].map(textOf).join('; ')}\n`);
    const { count, left } = await tab.ask<SlowRecord>('record');
    expect(count).toBeLessThan(all / 2);
    expect(left).toBeGreaterThan(0);
    for (const { pageHeap, mailboxes, tails } of [middle, end]) {
      // The reader's buffer holds 1,000 messages or 1 MiB.
      expect(pageHeap - start.pageHeap).toBeLessThan(3 * MIB);
      expect(mailboxes + tails).toBeLessThan(2 * MIB);
    }
    expect(end.pageHeap - middle.pageHeap).toBeLessThan(MIB);
    expect(end.nodeHeap - middle.nodeHeap).toBeLessThan(8 * MIB);
    await tab.ask('{ pauseMs = 0; }');
    await tab.until(`record.count === ${all}`, 15_000);
    expect(await tab.ask<SlowRecord>('record')).toMatchObject({ wrong: 0, gaps: 0, violations: 0 });
  });
}

function textOf({ messages, pageHeap, nodeHeap, mailboxes, log }: Memory): string {
  const [page, node, kept] = [pageHeap, nodeHeap, log].map((bytes) => (bytes / MIB).toFixed(1));
  return `${messages} messages: page ${page} MiB, node ${node} MiB beside the log's ${kept}, mailboxes ${mailboxes} bytes`;
}

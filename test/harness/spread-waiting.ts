/** The order of test files: those that wait most of their time run beside those that compute, and not after them. */
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Longest first. A file that is not named here runs as well, where it stands. */
const WAITING: readonly string[] = [
  'chromium',
  'media-killed',
  'presence-redis',
  'redis-foreign',
  'chaos',
  'assistant-nodes',
  'redis-control',
  'workers-restarts',
  'load',
  'positions/positions',
  'members/members',
  'conversations/sending',
  'webhooks-workers',
  'install',
  'conversation-restart',
  'floods',
  'proxies-streams',
  'bad-server-http',
  'workers-kernel',
  'redis-orders',
  'redis-nodes',
  'handshakes',
  'event-stream-slow',
  'client/reconnect',
  'faults',
  'all-nodes',
  'broker/redis',
  'event-stream-nodes',
  'drain',
  'close-frame',
];
/** Of the whole, by when the last one of them has begun. */
const BEGUN_BY = 0.7;

export class SpreadWaiting extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = (file: TestSpecification): number =>
      WAITING.findIndex((name) => file.moduleId.endsWith(`/${name}.test.ts`));
    const sorted = await super.sort(files);
    const waiting = sorted.filter((file) => place(file) >= 0).toSorted((a, b) => place(a) - place(b));
    const order = sorted.filter((file) => place(file) < 0);
    const apart = Math.max(1, Math.floor((order.length * BEGUN_BY) / Math.max(1, waiting.length)));
    // The first two at once, then one where the one before it may be over.
    for (const [at, file] of waiting.entries()) order.splice(at < 2 ? at : (at - 1) * (apart + 1), 0, file);
    return order;
  }
}

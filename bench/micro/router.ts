import { bench, do_not_optimize, group } from 'mitata';
import type { BrokerListener } from '../../src/broker/broker.ts';
import { MemoryBroker } from '../../src/broker/memory.ts';
import { DEFAULT_CODEC } from '../../src/protocol/codecs.ts';
import { Router } from '../../src/router/router.ts';
import type { Subscriber } from '../../src/router/subscription.ts';
import type { Log } from '../../src/telemetry/log.ts';
import { systemClock as clock, systemRandom as random } from '../../src/telemetry/system-clock.ts';
import { publication } from './publication.ts';

const silent: Log = { trace() {}, debug() {}, info() {}, warn() {}, error() {}, isEnabled: () => false };
const megabytes = 64 * 1_048_576;

group('router', () => {
  for (const subscribers of [0, 1, 1_000]) {
    const { broker, router } = parts(subscribers);
    const draft = {
      payload: publication.payload,
      from: 'bench',
      clientId: 'p',
      trace: undefined,
      idempotencyKey: undefined,
    };
    bench(`publish and route to ${subscribers}`, () => {
      broker.publish('bench.0', draft, do_not_optimize);
      router.routeDirty();
    });
  }
});

function parts(subscribers: number): { broker: MemoryBroker; router: Router } {
  const retention = { messages: 1_000, ageMs: 3_600_000, bytes: megabytes };
  const broker = new MemoryBroker(
    {
      retention: { fallback: retention, direct: retention, rules: [] },
      maxTopics: 10,
      maxBytes: megabytes,
      idempotencyWindowMs: 1_000,
      idempotencyKeys: 10,
      forgetAfterMs: 1_000,
    },
    clock,
    random,
  );
  const tail = { messages: 1_000, bytes: megabytes, totalBytes: megabytes };
  const flush = { atEndOfTurn() {}, atOnce() {} };
  const router = new Router({ tail, lingerMs: 1_000, restMs: 600_000 }, broker, flush, clock, silent);
  void broker.start(router satisfies BrokerListener);
  for (let at = 0; at < subscribers; at += 1) {
    const subscription = router.join('bench.0', subscriber());
    router.whenKept(subscription.topic, () => router.startLive(subscription));
  }
  return { broker, router };
}

/** Takes everything at once, as a connection does whose socket has room. */
function subscriber(): Subscriber {
  return {
    codec: DEFAULT_CODEC,
    number: 1,
    id: 'bench-1',
    principal: { user: 'bench' },
    queued(subscription) {
      subscription.written = subscription.topic.routedHead;
      subscription.queuedBytes = 0;
    },
    fellBehind() {},
    faulted() {},
    announced() {},
    matched: () => null,
    looked(): void {},
    rested() {},
  };
}

import { describe, expect, test } from 'vitest';
import { SeededRandom } from '../simulation/seeded-random.ts';
import { VirtualClock } from '../simulation/virtual-clock.ts';
import { brokerContract, type BrokerUnderTest } from './contract-suite.ts';
import { count, draft, Probe, Refused, sequencesOf } from './contract-suite-probe.ts';
import { MemoryBroker, type MemoryBrokerOptions } from './memory.ts';

/** A wall clock that can step, over virtual time. */
class SteppingClock extends VirtualClock {
  private offset = 0;

  override now(): number {
    return super.now() + this.offset;
  }

  stepBack(ms: number): void {
    this.offset -= ms;
  }
}

const PLENTY = { messages: 1_000, ageMs: 3_600_000, bytes: 10_000_000 };
const OPTIONS: MemoryBrokerOptions = {
  retention: {
    rules: [{ ...PLENTY, pattern: 'typing.**', messages: 0 }],
    fallback: PLENTY,
    direct: PLENTY,
  },
  maxTopics: 1_000,
  maxBytes: 100_000_000,
  idempotencyWindowMs: 300_000,
  idempotencyKeys: 1_000,
  forgetAfterMs: 60_000,
};

interface MemoryUnderTest extends BrokerUnderTest {
  readonly broker: MemoryBroker;
}

function make(options: Partial<MemoryBrokerOptions>): MemoryUnderTest {
  const clock = new SteppingClock();
  return {
    broker: new MemoryBroker({ ...OPTIONS, ...options }, clock, new SeededRandom(1)),
    slack: 0,
    now: () => clock.now(),
    pass: async (ms) => clock.advance(ms),
    stepBack: async (ms) => clock.stepBack(ms),
    dispose: () => Promise.resolve(),
  };
}

async function open(options: Partial<MemoryBrokerOptions> = {}): Promise<{ probe: Probe; broker: MemoryBroker }> {
  const under = make(options);
  const probe = new Probe(under);
  await probe.start();
  return { probe, broker: under.broker };
}

brokerContract('in memory', async ({ limits: { maxTopics, ...shares }, ...settings }) =>
  make({ ...settings, maxTopics, shares }),
);

describe('the number of topics', () => {
  test('one topic too many is refused, those that are known go on', async () => {
    // The probe's own topic is one of them.
    const { probe } = await open({ maxTopics: 3 });
    await probe.publish('chat.a', '1');
    await probe.retain('chat.b');
    await expect(probe.publish('chat.c', '1')).rejects.toMatchObject({ reason: 'topic_limit' });
    await expect(probe.retain('chat.c')).rejects.toMatchObject({ reason: 'topic_limit' });
    await expect(probe.append('chat.c', { epoch: 'o', sequence: 1 }, '1')).rejects.toMatchObject({
      reason: 'topic_limit',
    });
    expect((await probe.publish('chat.a', '2')).position?.sequence).toBe(2);
    expect((await probe.publish('chat.b', '1')).position?.sequence).toBe(1);
  });

  test('patterns are no topics', async () => {
    const { probe } = await open({ maxTopics: 1 });
    expect((await probe.retain('chat.**')).matched.size).toBe(0);
  });

  test('a topic that is forgotten makes room for another', async () => {
    const { probe, broker } = await open({ maxTopics: 2 });
    await probe.publish('chat.a', '1');
    await probe.under.pass(PLENTY.ageMs + OPTIONS.forgetAfterMs + 1);
    await expect(probe.publish('chat.b', '1')).rejects.toMatchObject({ reason: 'topic_limit' });
    broker.sweep();
    expect((await probe.publish('chat.b', '1')).position?.sequence).toBe(1);
  });
});

describe('the bytes of all logs together', () => {
  const MAX_BYTES = 400_000;
  const large = JSON.stringify('x'.repeat(10_000));

  test('above the budget the largest logs are shortened, the small ones are left alone', async () => {
    const { probe, broker } = await open({ maxBytes: MAX_BYTES });
    const small = await probe.publishMany('chat.small', 3);
    for (let n = 1; broker.usage().bytes <= MAX_BYTES; n += 1) await probe.publish('chat.large', large);
    const before = await probe.read('chat.large');
    expect(before.first).toBe(1);
    broker.sweep();
    expect(broker.usage().bytes).toBeLessThanOrEqual(MAX_BYTES * 0.9);
    const after = await probe.read('chat.large');
    expect(after.first).toBeGreaterThan(1);
    expect(after).toMatchObject({ epoch: before.epoch, top: before.top });
    expect(sequencesOf(after.publications)).toEqual(count(after.first, before.top));
    expect(await probe.read('chat.small')).toMatchObject({ first: 1, top: small.sequence });
  });

  test('within the budget nothing is shortened', async () => {
    const { probe, broker } = await open({ maxBytes: MAX_BYTES });
    await probe.publishMany('chat.large', 20, () => large);
    broker.sweep();
    expect((await probe.read('chat.large')).first).toBe(1);
  });

  test('a tenth above the budget publishing is refused for a while, and sweeping makes room', async () => {
    const { probe, broker } = await open({ maxBytes: MAX_BYTES });
    const publishUntilRefused = async (): Promise<Refused> => {
      for (let n = 1; n < 1_000; n += 1) {
        const refused = await probe.publish('chat.large', large).then(
          () => null,
          (error: unknown) => error,
        );
        if (refused instanceof Refused) return refused;
      }
      throw new Error('nothing was refused');
    };
    expect((await publishUntilRefused()).reason).toBe('log_unavailable');
    expect(broker.usage().bytes).toBeGreaterThan(MAX_BYTES);
    const { top } = await probe.read('chat.large');
    expect((await probe.publish('typing.a', '1')).position).toBeNull();
    await expect(probe.publish('chat.small', '1')).rejects.toMatchObject({ reason: 'log_unavailable' });
    broker.sweep();
    expect((await probe.publish('chat.large', large)).position?.sequence).toBe(top + 1);
  });

  test('a refused publish leaves no trace of its idempotency key', async () => {
    const { probe, broker } = await open({ maxBytes: 10_000 });
    await probe.publish('chat.large', JSON.stringify('x'.repeat(30_000)));
    const keyed = draft('1', { idempotencyKey: 'k' });
    await expect(probe.publish('chat.a', keyed)).rejects.toMatchObject({ reason: 'log_unavailable' });
    await probe.under.pass(PLENTY.ageMs + 1);
    broker.sweep();
    expect(await probe.publish('chat.a', keyed)).toMatchObject({ duplicate: false, position: { sequence: 1 } });
  });

  test('memory comes back when logs run out of age', async () => {
    const { probe, broker } = await open({ maxBytes: MAX_BYTES });
    await probe.publishMany('chat.large', 20, () => large);
    expect(broker.usage().bytes).toBeGreaterThan(200_000);
    await probe.under.pass(PLENTY.ageMs + 1);
    broker.sweep();
    expect(broker.usage().bytes).toBe(0);
  });
});

describe('idempotency keys', () => {
  test('when no more can be remembered, publishing with a new key is refused and the known keys still hold', async () => {
    const { probe } = await open({ idempotencyKeys: 2, idempotencyWindowMs: 1_000 });
    const keyed = (key: string): ReturnType<typeof draft> => draft('1', { idempotencyKey: key });
    const first = await probe.publish('chat.a', keyed('k1'));
    await probe.publish('chat.a', keyed('k2'));
    await expect(probe.publish('chat.a', keyed('k3'))).rejects.toMatchObject({ reason: 'log_unavailable' });
    expect(await probe.publish('chat.a', keyed('k1'))).toEqual({ ...first, duplicate: true });
    expect((await probe.publish('chat.a', '"without a key"')).position?.sequence).toBe(3);
    await probe.under.pass(1_001);
    expect((await probe.publish('chat.a', keyed('k3'))).position?.sequence).toBe(4);
  });
});

describe('a log that is lost', () => {
  test('the topic goes on under a new epoch from 1, and who retains it is told', async () => {
    const { probe, broker } = await open();
    await probe.retain('chat.a');
    const old = await probe.publishMany('chat.a', 3);
    broker.forget('chat.a');
    const now = await probe.publish('chat.a', '"new"');
    expect(now.position?.sequence).toBe(1);
    expect(now.position?.epoch).not.toBe(old.epoch);
    expect(probe.events.filter(({ kind }) => kind === 'epochChanged')).toEqual([
      { kind: 'epochChanged', topic: 'chat.a', position: { epoch: now.position?.epoch, sequence: 1 } },
    ]);
    expect(await probe.read('chat.a', { after: old })).toMatchObject({ lost: 'unknown_epoch', after: 0, top: 1 });
  });

  test('there is nothing to lose in an ephemeral or unknown topic', async () => {
    const { probe, broker } = await open();
    await probe.retain('typing.a');
    broker.forget('typing.a');
    broker.forget('chat.nobody');
    expect(probe.events).toEqual([]);
  });
});

describe('unused topics', () => {
  const REST_MS = PLENTY.ageMs + OPTIONS.forgetAfterMs + 1;

  test('a topic that nobody uses is forgotten a while after its log is empty, and comes back as a new one', async () => {
    const { probe, broker } = await open();
    const old = await probe.publishMany('chat.a', 3);
    expect(broker.usage().topics).toBe(2);
    await probe.under.pass(REST_MS);
    broker.sweep();
    expect(broker.usage().topics).toBe(1);
    const now = await probe.publish('chat.a', '1');
    expect(now.position?.sequence).toBe(1);
    expect(now.position?.epoch).not.toBe(old.epoch);
  });

  test('a topic that is retained is not forgotten', async () => {
    const { probe, broker } = await open();
    await probe.retain('chat.a');
    const old = await probe.publishMany('chat.a', 3);
    await probe.under.pass(REST_MS);
    broker.sweep();
    expect((await probe.publish('chat.a', '4')).position).toEqual({ ...old, sequence: 4 });
    probe.under.broker.release('chat.a');
    await probe.under.pass(REST_MS);
    broker.sweep();
    expect(broker.usage().topics).toBe(1);
  });

  test('a topic that is used now and then is not forgotten', async () => {
    const { probe, broker } = await open({
      retention: { rules: [], fallback: { ...PLENTY, ageMs: 1_000 }, direct: PLENTY },
    });
    for (let at = 1; at <= 5; at += 1) {
      expect((await probe.publish('chat.a', '1')).position?.sequence).toBe(at);
      await probe.under.pass(OPTIONS.forgetAfterMs * 0.6);
      broker.sweep();
    }
  });

  test('a release that nobody owes does no harm', async () => {
    const { probe, broker } = await open();
    await probe.publish('chat.a', '1');
    for (const filter of ['chat.a', 'chat.nobody', 'chat.*']) broker.release(filter);
    await probe.retain('chat.a');
    await probe.publish('chat.a', '2');
    expect(sequencesOf(probe.told('chat.a'))).toEqual([2]);
  });

  test('a topic whose log holds something is not forgotten', async () => {
    const { probe, broker } = await open({
      retention: { rules: [], fallback: { ...PLENTY, ageMs: 1e12 }, direct: PLENTY },
    });
    await probe.publish('chat.a', '1');
    await probe.under.pass(REST_MS);
    broker.sweep();
    expect((await probe.publish('chat.a', '2')).position?.sequence).toBe(2);
  });
});

test('after its end a broker tells nobody anything', async () => {
  const { probe, broker } = await open();
  await probe.retain('chat.a');
  await broker.stop();
  await probe.publish('chat.a', '1');
  expect(probe.events).toEqual([]);
});

import { describe as suite, expect, test } from 'vitest';
import type { Directive } from '../actor/actor.ts';
import type { ActorCell } from '../actor/actor-cell.ts';
import { Supervisor } from '../actor/supervisor.ts';
import type { Draft, History, Published, ReadRequest, Reply } from '../broker/broker.ts';
import { MemoryBroker } from '../broker/memory.ts';
import { Backlog } from '../connection/backlog.ts';
import type { Publication } from '../protocol/position.ts';
import { isDirectTopic } from '../protocol/topic.ts';
import { NewestByKey } from '../router/newest-by-key.ts';
import { Router } from '../router/router.ts';
import { LIVE, type Subscriber, type Subscription } from '../router/subscription.ts';
import type { End } from '../telemetry/message-trace.ts';
import { expectFound } from '../../test/kit/found-by.ts';
import { simulateSeed, traceSeed, violationOf } from './simulate.ts';
import { drawTraced } from './traced.ts';
import { REAL_PARTS, type Parts } from './world.ts';

test('the same seed twice gives the same trace', () => {
  for (let seed = 1; seed <= 20; seed += 1) expect(traceSeed(seed)).toBe(traceSeed(seed));
});

test('what is traced changes nothing that happens', () => {
  const traced = { limits: { messages: 5, recipients: 1 }, patterns: ['chat.**', '@user:user0'], until: null };
  for (let seed = 1; seed <= 50; seed += 1) expect(traceSeed(seed, 120, traced)).toBe(traceSeed(seed, 120, null));
});

test('a share of the worlds is traced, and not all', () => {
  const traced = Array.from({ length: 100 }, (_, seed) => drawTraced(seed));
  const share = traced.filter((each) => each !== null).length;
  expect(share).toBeGreaterThan(30);
  expect(share).toBeLessThan(70);
});

test('four hundred seeds break no promise', () => {
  for (let seed = 1; seed <= 400; seed += 1) {
    const finding = simulateSeed(seed);
    expect(finding?.violation.message, `seed ${seed}`).toBeUndefined();
  }
}, 60_000);

suite('planted bugs are found within a thousand seeds', () => {
  /** The private parts of the router that bugs are planted in. */
  interface RouterInside {
    moves: { jump(topic: { jumpTo(head: number): void }, head: number): void };
  }

  class ForgetfulRouter extends Router {
    override leave(subscription: Subscription): void {
      subscription.generation += 1;
    }
  }

  class SkippingRouter extends Router {
    override startAfter(subscription: Subscription, sequence: number): void {
      super.startAfter(subscription, Math.min(sequence + 1, Math.max(sequence, subscription.topic.head)));
    }
  }

  class HoleIgnoringRouter extends Router {
    constructor(...args: ConstructorParameters<typeof Router>) {
      super(...args);
      (this as unknown as RouterInside).moves.jump = (topic, head) => topic.jumpTo(head);
    }
  }

  class EpochIgnoringRouter extends Router {
    override epochChanged(name: string, epoch: string): void {
      for (const topic of this.openTopics()) if (topic.name === name) topic.epoch = epoch;
    }
  }

  /** The first model's mistake: only the oldest entry of a logged topic gives way, the younger stay queued. */
  class YoungerKeepingRouter extends Router {
    override join(name: string, owner: Subscriber): Subscription {
      const subscription = super.join(name, owner);
      subscription.beginLag = () => {
        subscription.written = subscription.topic.routedHead;
        subscription.books().displaced += 1;
        subscription.state = LIVE;
      };
      return subscription;
    }
  }

  /** Writes down another end than the one that came, or none. */
  function misTracing(change: (end: End) => End | null): Parts['router'] {
    return (...args) => {
      const router = new Router(...args);
      const { tracing } = router;
      const opened = tracing.opened.bind(tracing);
      tracing.opened = (topic) => {
        opened(topic);
        const { trace } = topic;
        if (trace === null) return;
        const ended = trace.ended.bind(trace);
        trace.ended = (after, to, owner, end, cause) => {
          const other = change(end);
          if (other !== null) ended(after, to, owner, other, cause);
        };
      };
      return router;
    };
  }

  class StammeringBroker extends MemoryBroker {
    override publish(topic: string, draft: Draft, reply: Reply<Published>): void {
      super.publish(topic, draft, (answer) => {
        reply(answer);
        reply(answer);
      });
    }
  }

  class SequenceReusingBroker extends MemoryBroker {
    override forget(name: string): void {
      const { topics } = this as unknown as { topics: Map<string, { log: { reset(next: number): void } }> };
      topics.get(name)?.log.reset(1);
    }
  }

  class FirstSkippingBroker extends MemoryBroker {
    override read(topic: string, request: ReadRequest, reply: Reply<History>): void {
      super.read(topic, request, (answer) =>
        reply('publications' in answer ? { ...answer, publications: answer.publications.slice(1) } : answer),
      );
    }
  }

  class TrimHidingBroker extends MemoryBroker {
    override read(topic: string, request: ReadRequest, reply: Reply<History>): void {
      super.read(topic, request, (answer) =>
        reply('publications' in answer ? { ...answer, first: Math.min(answer.first, answer.after + 1) } : answer),
      );
    }
  }

  class ForgettingKeysBroker extends MemoryBroker {
    override publish(topic: string, draft: Draft, reply: Reply<Published>): void {
      super.publish(topic, { ...draft, idempotencyKey: undefined }, reply);
    }
  }

  class PatientSupervisor extends Supervisor {
    override failed<M>(cell: ActorCell<M>, error: unknown, message: M | null): Directive {
      super.failed(cell, error, message);
      return 'go_on';
    }
  }

  class LeakingBacklog extends Backlog {
    private total = 0;
    // A field of the base class would shadow an accessor, so it is put on the instance.
    constructor(maxBytes: number) {
      super(maxBytes);
      Object.defineProperty(this, 'bytes', {
        get: () => this.total,
        set: (value: number) => {
          this.total = Math.max(this.total, value);
        },
      });
    }
  }

  /** A slow reader's page of a conflated topic, as a mistake would make it. */
  class MisconflatingRouter extends Router {
    override join(name: string, owner: Subscriber): Subscription {
      const subscription = super.join(name, owner);
      const { newest } = subscription.topic;
      if (newest === null) return subscription;
      const page = NewestByKey.prototype.page.bind(newest);
      newest.page = (...asked) => {
        const { frames, to } = page(...asked);
        return { frames: frames.slice(0, -1), to };
      };
      return subscription;
    }
  }

  /** What gave way to newer ones is nothing that anybody has to know. */
  class UncountingRouter extends Router {
    override join(name: string, owner: Subscriber): Subscription {
      const subscription = super.join(name, owner);
      subscription.thin = (to) => subscription.replay(to);
      return subscription;
    }
  }

  const bugs: Readonly<Record<string, Partial<Parts>>> = {
    'a subscription that ends stays with the router': { router: (...args) => new ForgetfulRouter(...args) },
    'a resume skips a message': { router: (...args) => new SkippingRouter(...args) },
    'a hole in the publications is ignored': { router: (...args) => new HoleIgnoringRouter(...args) },
    'a change of epoch is not told': { router: (...args) => new EpochIgnoringRouter(...args) },
    'younger entries stay queued after an overflow': { router: (...args) => new YoungerKeepingRouter(...args) },
    'what was displaced is traced as written': { router: misTracing((end) => (end === 'displaced' ? 'written' : end)) },
    'what was purged is not traced': { router: misTracing((end) => (end === 'purged' ? null : end)) },
    'what was written is traced as purged': { router: misTracing((end) => (end === 'written' ? 'purged' : end)) },
    'what is a gap is traced as replayed': { router: misTracing((end) => (end === 'gap' ? 'replayed' : end)) },
    'the newest of a key gives way': { router: (...args) => new MisconflatingRouter(...args) },
    'what gave way to a newer one is not counted': { router: (...args) => new UncountingRouter(...args) },
    'a publish is answered twice': { broker: (...args) => new StammeringBroker(...args) },
    'sequences are used again in the same epoch': { broker: (...args) => new SequenceReusingBroker(...args) },
    'pages lack their first message': { broker: (...args) => new FirstSkippingBroker(...args) },
    'what was trimmed is not admitted': { broker: (...args) => new TrimHidingBroker(...args) },
    'idempotency keys are forgotten': { broker: (...args) => new ForgettingKeysBroker(...args) },
    'the restart budget has no end': { supervisor: (...args) => new PatientSupervisor(...args) },
    'the total of the mailboxes never falls': { backlog: (...args) => new LeakingBacklog(...args) },
  };

  for (const [name, parts] of Object.entries(bugs)) {
    test(name, () => expectFound((seed) => violationOf(seed, { ...REAL_PARTS, ...parts })));
  }

  test('direct messages do not reach their user, and the client finds it where nothing is traced', () => {
    class DirectLosingRouter extends Router {
      override published(publication: Publication): void {
        if (!isDirectTopic(publication.topic)) super.published(publication);
      }
    }
    const parts: Parts = { ...REAL_PARTS, router: (...args) => new DirectLosingRouter(...args) };
    const untraced = Array.from({ length: 100 }, (_, seed) => seed).filter((seed) => drawTraced(seed) === null);
    const broken = new Set(untraced.map((seed) => violationOf(seed, parts)?.promise));
    expect(broken).toContain('everybody is at the head in the end');
  });
});

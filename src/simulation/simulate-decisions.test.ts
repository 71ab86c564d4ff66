/** Decisions that come late, or never: what is planted here is what an answer could do at the wrong time. */
import { afterEach, describe as suite, expect, test, vi } from 'vitest';
import { ActorCell } from '../actor/actor-cell.ts';
import type { Principal } from '../auth/principal.ts';
import type { Action } from '../auth/rights.ts';
import type { Draft, OwnHistory } from '../broker/broker.ts';
import { Recheck } from '../connection/recheck.ts';
import { isRefusal, type Refusal } from '../protocol/errors.ts';
import type { Topic } from '../protocol/topic.ts';
import { Decisions } from '../service/decisions.ts';
import type { StoredAt } from '../service/topic-owners.ts';
import { expectFound } from '../../test/kit/found-by.ts';
import { violationOf } from './simulate.ts';
import { drawOwner } from './simulated-owner.ts';
import { SimulatedTable } from './simulated-table.ts';
import { REAL_PARTS, DISTRIBUTED_PARTS, type Parts } from './world.ts';

type Answered = (problem: Refusal | null) => void;

/** Calls, answers and notices take steps of their own, so worlds with a network need more of them. */
const BROKERS: Readonly<Record<string, readonly [Parts, number]>> = {
  'the embedded broker': [REAL_PARTS, 120],
  'the distributed broker': [DISTRIBUTED_PARTS, 300],
};

afterEach(() => void vi.restoreAllMocks());

test('in a share of the worlds somebody owns a topic, and not in all; some answers are lost', () => {
  const owners = Array.from({ length: 200 }, (_, seed) => drawOwner(seed)).filter((owner) => owner !== null);
  expect(owners.length).toBeGreaterThan(60);
  expect(owners.length).toBeLessThan(140);
  expect(owners.some(({ losesAnswers }) => losesAnswers > 0)).toBe(true);
});

/** While a decision is under way the frames after the one that waits are handled: answers find what is over. */
class Overtaken extends Decisions {
  static readonly cells = new Set<ActorCell<unknown>>();

  static plant(): void {
    const suspend = Reflect.get(ActorCell.prototype, 'suspend');
    vi.spyOn(ActorCell.prototype, 'suspend').mockImplementation(function (this: ActorCell<unknown>) {
      Overtaken.cells.add(this);
      Reflect.apply(suspend, this, []);
    });
  }

  override ask(principal: Principal, action: Action, name: string, reply: Answered): void {
    super.ask(principal, action, name, reply);
    for (const cell of Overtaken.cells) cell.resume();
    Overtaken.cells.clear();
  }
}

/** Answers are carried out for connections that have been closed, by their client or by a revocation. */
class Undead extends Decisions {
  static isAnswering = false;

  static plant(): void {
    const answer = Reflect.get(ActorCell.prototype, 'answer');
    vi.spyOn(ActorCell.prototype, 'answer').mockImplementation(function (
      this: ActorCell<unknown>,
      work: () => void,
      about: unknown,
    ) {
      if (Undead.isAnswering && this.isStopped) work();
      else Reflect.apply(answer, this, [work, about]);
    });
  }

  override ask(principal: Principal, action: Action, name: string, reply: Answered): void {
    super.ask(principal, action, name, (problem) => {
      Undead.isAnswering = true;
      reply(problem);
      Undead.isAnswering = false;
    });
  }
}

/** Believes after a change of rights an answer that was asked for before it. */
class Stale extends Decisions {
  override rightsChanged(): void {
    (this as unknown as { remembered: Map<string, unknown> }).remembered.clear();
  }
}

/** Remembers a decision, whatever changes. */
class Stubborn extends Decisions {
  override rightsChanged(): void {}
}

/** Waits for an answer as long as it takes. */
function patient(...[options, ...rest]: ConstructorParameters<typeof Decisions>): Decisions {
  return new Decisions({ ...options, timeoutMs: 1e9 }, ...rest);
}

/** No answer in time is taken for a yes. */
class Trusting extends Decisions {
  override ask(principal: Principal, action: Action, name: string, reply: Answered): void {
    super.ask(principal, action, name, (problem) =>
      reply(problem !== null && isRefusal(problem) && problem.reason === 'rights_unavailable' ? null : problem),
    );
  }
}

/** Gives up on an answer that is lost without telling the callers that wait. */
class Silent extends Decisions {
  override ask(principal: Principal, action: Action, name: string, reply: Answered): void {
    super.ask(principal, action, name, (problem) => {
      if (problem?.reason !== 'rights_unavailable') reply(problem);
    });
  }
}

/** Pages of the owner's history lack their first message. */
class Skipping extends SimulatedTable {
  protected override page(...asked: readonly [Topic, number, number, number]): OwnHistory {
    const page = super.page(...asked);
    return { ...page, publications: page.publications.slice(1) };
  }
}

/** What the log lacks before a message is not there to fill it with. */
class Holey extends SimulatedTable {
  protected override page(...asked: readonly [Topic, number, number, number]): OwnHistory {
    const page = super.page(...asked);
    const [, after, before] = asked;
    return before - after > 2 ? page : { ...page, publications: [] };
  }
}

/** Numbers are drawn before the rows stand: of two messages the later one has the smaller number. */
class Swapping extends SimulatedTable {
  protected override nextSequence(): number {
    const next = super.nextSequence();
    return next % 2 === 0 ? next + 1 : Math.max(1, next - 1);
  }
}

/** A message that is sent again is stored again. */
class Forgetful extends SimulatedTable {
  override store(draft: Draft): StoredAt {
    return super.store({ ...draft, from: `${draft.from} ${this.rows.length}` });
  }
}

interface Bug {
  readonly table?: Parts['table'];
  readonly decisions?: Parts['decisions'];
  readonly plant?: () => void;
}

const BUGS: Readonly<Record<string, Bug>> = {
  'frames pass one that waits: an answer comes after its unsubscribe': {
    decisions: (...args) => new Overtaken(...args),
    plant: () => Overtaken.plant(),
  },
  'an answer after the close or the revocation is carried out': {
    decisions: (...args) => new Undead(...args),
    plant: () => Undead.plant(),
  },
  'an answer of before the rights changed counts': { decisions: (...args) => new Stale(...args) },
  'what is remembered outlives a change of rights': { decisions: (...args) => new Stubborn(...args) },
  'live subscriptions are not asked for anew': {
    plant: () => void vi.spyOn(Recheck.prototype, 'begin').mockImplementation(() => {}),
  },
  'publications do not wait while it is asked anew': {
    plant: () => void vi.spyOn(Recheck.prototype, 'holdIfUnknown').mockImplementation(() => {}),
  },
  'a lost answer is waited for without end': { decisions: patient },
  'a lost answer is never made good': { decisions: (...args) => new Silent(...args) },
  "pages of an owner's history lack their first message": { table: (...args) => new Skipping(...args) },
  'a hole before a message that is stored is not filled': { table: (...args) => new Holey(...args) },
  'an owner numbers messages out of order': { table: (...args) => new Swapping(...args) },
  'an owner stores a message twice': { table: (...args) => new Forgetful(...args) },
  'a lost answer is taken for a yes': { decisions: (...args) => new Trusting(...args) },
};

for (const [broker, [parts, steps]] of Object.entries(BROKERS)) {
  suite(`over ${broker} planted bugs are found within a thousand seeds`, () => {
    for (const [name, { plant, ...broken }] of Object.entries(BUGS)) {
      test(
        name,
        async () => {
          plant?.();
          await expectFound((seed) => violationOf(seed, { ...parts, ...broken }, steps));
        },
        60_000,
      );
    }
  });
}

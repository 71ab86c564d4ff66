/**
 * An application that owns a topic and decides who may act there. It looks at what is true when it is asked; its answers
 * come later, in any order, and some never. What is true changes meanwhile.
 */
import type { Principal } from '../auth/principal.ts';
import type { Draft } from '../broker/broker.ts';
import { refusal, type Refusal } from '../protocol/errors.ts';
import { matches, overlaps, type Topic } from '../protocol/topic.ts';
import type { Overlap, StoredAt, TopicOwner, TopicOwners } from '../service/topic-owners.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { Ledger } from './ledger.ts';
import { NUMBERED, type SimulatedTable } from './simulated-table.ts';
import { SeededRandom } from './seeded-random.ts';

/** The topic that is owned; patterns of the simulated clients match it, too. */
export const OWNED = 'chat.b';

const NO = refusal('not_allowed', 'the simulated owner says no');

export interface OwnerFaults {
  /** Answers at once, as what is known in memory. */
  readonly isImmediate: boolean;
  /** Share of questions that are never answered. */
  readonly losesAnswers: number;
}

/** In half of the worlds nobody owns anything. Randomness of its own: worlds are otherwise the same. */
export function drawOwner(seed: number): OwnerFaults | null {
  const random = new SeededRandom(seed ^ 0x0e4e);
  if (random.chance(0.5)) return null;
  return { isImmediate: random.chance(0.2), losesAnswers: random.pick([0, 0, 0.2]) };
}

export class SimulatedOwner implements TopicOwners {
  isHealed = false;
  /** The users that may not act there, and how many messages the log had taken when that began. */
  private readonly denied = new Map<string, number>();
  private answers: (() => void)[] = [];
  private readonly faults: OwnerFaults;
  private readonly random: SeededRandom;
  readonly table: SimulatedTable;
  private readonly ledger: Ledger;
  private readonly owner: TopicOwner = {
    app: 'simulated',
    mayAct: (principal, _action, _name, reply) => this.question(principal, reply),
    publishing: null,
    history: null,
  };
  /** Keeps the messages of another topic, on which the token's rules decide. */
  private readonly keeper: TopicOwner;
  /** When those were asked for what is not answered yet, by the monotonic clock. */
  private submitted: number[] = [];
  private readonly clock: Clock;

  constructor(
    faults: OwnerFaults,
    seed: number,
    ledger: Ledger,
    clock: Clock,
    table: (...args: ConstructorParameters<typeof SimulatedTable>) => SimulatedTable,
  ) {
    this.faults = faults;
    this.random = new SeededRandom(seed ^ 0x0a5e);
    this.ledger = ledger;
    this.clock = clock;
    this.table = table(clock, ledger, (work) => this.later(work));
    this.keeper = {
      app: 'simulated',
      mayAct: null,
      publishing: (_principal, _name, draft, reply) => this.submit(draft, reply),
      history: this.table,
    };
  }

  /** Answers that are under way; those that are lost are not. */
  get pending(): number {
    return this.answers.length;
  }

  of(topic: Topic): TopicOwner | null {
    if (topic === NUMBERED) return this.keeper;
    return topic === OWNED ? this.owner : null;
  }

  overlapping(pattern: Topic): readonly Overlap[] {
    return overlaps(pattern, OWNED) ? [{ owner: this.owner, isWhole: false }] : [];
  }

  /** From now on a user may act there, or may not. The caller of this tells the decider. */
  allow(user: string, isAllowed: boolean): void {
    if (isAllowed) this.denied.delete(user);
    else if (!this.denied.has(user)) this.denied.set(user, this.ledger.size);
  }

  isDenied(user: string): boolean {
    return this.denied.has(user);
  }

  /** Whether a name is one whose subscription the owner decides on. */
  decidesOn(name: string): boolean {
    return matches(name, OWNED);
  }

  /** When the user was denied: how many messages the log had taken. `null` while it is allowed. */
  deniedSince(user: string): number | null {
    return this.denied.get(user) ?? null;
  }

  /** Messages whose sender still waits for an answer, be it that it was lost. @param timeoutMs how long that is */
  waitingFor(timeoutMs: number): number {
    const since = this.clock.elapsed() - timeoutMs;
    this.submitted = this.submitted.filter((at) => at > since);
    return this.submitted.length;
  }

  /** One of the answers that are under way arrives. */
  deliverAnswer(choice: number): void {
    const [answer] = this.answers.splice(Math.floor(choice * this.answers.length), 1);
    answer?.();
  }

  private question({ user }: Principal, reply: (problem: Refusal | null) => void): void {
    const problem = this.denied.has(user) ? NO : null;
    if (this.isHealed || this.faults.isImmediate || !this.isLost()) this.later(() => reply(problem));
  }

  /** Stored at once; who sent it may never hear of it. */
  private submit(draft: Draft, reply: (answer: StoredAt) => void): void {
    const stored = this.table.store(draft);
    const at = this.clock.elapsed();
    this.submitted.push(at);
    if (!this.isHealed && !this.faults.isImmediate && this.isLost()) return;
    this.later(() => {
      const index = this.submitted.indexOf(at);
      if (index !== -1) this.submitted.splice(index, 1);
      reply(stored);
    });
  }

  private isLost(): boolean {
    return this.random.chance(this.faults.losesAnswers);
  }

  private later(work: () => void): void {
    if (this.isHealed || this.faults.isImmediate) work();
    else this.answers.push(work);
  }
}

/**
 * An application that owns a topic and decides who may act there. It looks at what is true when it is asked; its answers
 * come later, in any order, and some never. What is true changes meanwhile.
 */
import type { Principal } from '../auth/principal.ts';
import { refusal, type Refusal } from '../protocol/errors.ts';
import { matches, overlaps, type Topic } from '../protocol/topic.ts';
import type { Overlap, TopicOwner, TopicOwners } from '../service/topic-owners.ts';
import type { Ledger } from './ledger.ts';
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
  private readonly ledger: Ledger;
  private readonly owner: TopicOwner = {
    app: 'simulated',
    mayAct: (principal, _action, _name, reply) => this.question(principal, reply),
    publishing: null,
    history: null,
  };

  constructor(faults: OwnerFaults, seed: number, ledger: Ledger) {
    this.faults = faults;
    this.random = new SeededRandom(seed ^ 0x0a5e);
    this.ledger = ledger;
  }

  /** Answers that are under way; those that are lost are not. */
  get pending(): number {
    return this.answers.length;
  }

  of(topic: Topic): TopicOwner | null {
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

  /** One of the answers that are under way arrives. */
  deliverAnswer(choice: number): void {
    const [answer] = this.answers.splice(Math.floor(choice * this.answers.length), 1);
    answer?.();
  }

  private question({ user }: Principal, reply: (problem: Refusal | null) => void): void {
    const problem = this.denied.has(user) ? NO : null;
    if (this.isHealed || this.faults.isImmediate) return reply(problem);
    if (this.random.chance(this.faults.losesAnswers)) return;
    this.answers.push(() => reply(problem));
  }
}

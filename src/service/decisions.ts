/**
 * The rights of principals: the token's rules, and on owned topics their owner, who may take time to say it. An answer is
 * remembered for a while per user, roles, action and topic; callers that ask meanwhile wait for the same answer. No answer in
 * time is a refusal, never a yes.
 */
import { userKey, type Principal } from '../auth/principal.ts';
import type { Action, Rights } from '../auth/rights.ts';
import { ERRORS, notAllowed, quote, refusal, type Denial, type Refusal } from '../protocol/errors.ts';
import { joinPartsToKeep } from '../protocol/parts.ts';
import { looksLikePattern, ME, qualify } from '../protocol/topic.ts';
import type { Clock, Scheduler, Timer } from '../telemetry/clock.ts';
import { ONE_TURN, Round, type Remainder } from '../telemetry/round.ts';
import { leavingAtOnce } from '../telemetry/drop-oldest.ts';
import type { Authorizer } from './authorizer.ts';
import type { RightsChange } from './rights-change.ts';
import { SubjectIndex, type Subject } from './subject-index.ts';
import type { DecisionReply, TopicOwner, TopicOwners } from './topic-owners.ts';

export interface DecisionOptions {
  /** How long an owner may take. */
  readonly timeoutMs: number;
  /** How long an answer holds. */
  readonly ageMs: number;
  /** Answers remembered, and questions under way, at most. */
  readonly capacity: number;
}

type Answered = (problem: Refusal | null) => void;

interface Remembered extends Subject {
  readonly key: string;
  readonly problem: Refusal | null;
  /** By the monotonic clock, in ms. */
  readonly until: number;
}

interface Question extends Subject {
  readonly waiting: Answered[];
  readonly timer: Timer;
  /** Asks the owner again: what it was asked before may have changed. */
  readonly askAgain: () => void;
  /** Grows with every time it is asked: older answers are stale. */
  round: number;
}

export class Decisions implements Authorizer {
  /** What a fault of an owner's code is told to. */
  failed: (app: string, error: unknown) => void = () => {};
  /** The owners of topics: `null` for nobody, and then the token's rules decide everything. */
  private owners: TopicOwners | null = null;
  private readonly remembered = new Map<string, Remembered>();
  private readonly round = new Round<Remembered>();
  private readonly questions = new Map<string, Question>();
  private readonly rememberedAbout = new SubjectIndex<Remembered>();
  private readonly questionsAbout = new SubjectIndex<Question>();
  private readonly options: DecisionOptions;
  private readonly rights: Rights;
  private readonly clock: Clock;
  private readonly scheduler: Scheduler;

  constructor(options: DecisionOptions, rights: Rights, clock: Clock, scheduler: Scheduler) {
    this.options = options;
    this.rights = rights;
    this.clock = clock;
    this.scheduler = scheduler;
  }

  /** Questions that wait for an owner. */
  get pending(): number {
    return this.questions.size;
  }

  /** Answers that are remembered. */
  get size(): number {
    return this.remembered.size;
  }

  useOwners(owners: TopicOwners): void {
    this.owners = owners;
  }

  decide(principal: Principal, action: Action, name: string): Refusal | null | undefined {
    const { owners } = this;
    if (owners === null || name === ME) return this.byToken(principal, action, name);
    const asked = this.whoSays(owners, principal, action, name);
    if (asked.length === 0) return this.byToken(principal, action, name);
    const refused = this.narrowed(principal, action, name, asked);
    if (refused !== null) return refused;
    for (const { owner } of asked) {
      const known = this.recall(keyOf(owner, principal, action, name));
      if (known !== null) return known;
    }
    return null;
  }

  ask(principal: Principal, action: Action, name: string, reply: Answered): void {
    const known = this.decide(principal, action, name);
    if (known !== undefined || this.owners === null) return reply(known ?? null);
    // One after the other: the first no is the answer, and most topics have one owner.
    const rest = this.whoSays(this.owners, principal, action, name).map(({ owner }) => owner);
    const next = (): void => {
      const owner = rest.shift();
      if (owner === undefined) return reply(null);
      this.question(owner, principal, action, name, (problem) => (problem === null ? next() : reply(problem)));
    };
    next();
  }

  decideDirect(principal: Principal): Refusal | null {
    const because = this.rights.directDenial(principal);
    if (because === null) return null;
    return notAllowed(
      'expected a token with a role that may send direct messages (topics.direct_publish) and with a topics.publish claim that is not empty, if it has one',
      because,
    );
  }

  /** Forgets what may have changed, and asks anew what is being asked: an answer under way may be of before. */
  rightsChanged(change: RightsChange): void {
    for (const known of this.rememberedAbout.affectedBy(change)) this.forget(known);
    for (const question of this.questionsAbout.affectedBy(change)) question.askAgain();
  }

  get isSweeping(): boolean {
    return !this.round.isOver;
  }

  sweep(most = ONE_TURN): Remainder {
    const now = this.clock.elapsed();
    if (this.round.isOver) this.round.begin(this.remembered.values(), this.remembered.size);
    this.round.next(most, (known) => {
      if (known.until <= now) this.forget(known);
    });
    return this.round.isOver ? 'nothing' : 'has_time';
  }

  private byToken(principal: Principal, action: Action, name: string): Refusal | null {
    const because = this.rights.denial(principal, action, name);
    if (because === null) return null;
    return denied(action, name, because);
  }

  /** What the token's own claim, or a rule that stands beside the owners' say, forbids. */
  private narrowed(principal: Principal, action: Action, name: string, asked: readonly Asked[]): Refusal | null {
    if (!asked.some(({ isWhole }) => isWhole)) return this.byToken(principal, action, name);
    if (this.rights.claimAllows(principal, action, name)) return null;
    return denied(action, name, 'token');
  }

  /** The owners that have a say in a topic or pattern. */
  private whoSays(owners: TopicOwners, { tenant }: Principal, action: Action, name: string): readonly Asked[] {
    if (looksLikePattern(name))
      return owners.overlapping(qualify(tenant, name)).filter(({ owner }) => decidesOn(owner, action));
    const owner = owners.of(qualify(tenant, name));
    return owner === null || !decidesOn(owner, action) ? NOBODY : [{ owner, isWhole: true }];
  }

  private recall(key: string): Refusal | null | undefined {
    const known = this.remembered.get(key);
    if (known === undefined) return undefined;
    if (known.until > this.clock.elapsed()) return known.problem;
    this.forget(known);
    return undefined;
  }

  private forget(known: Remembered): void {
    this.remembered.delete(known.key);
    this.rememberedAbout.delete(known);
  }

  private remember(key: string, { user, tenant, name }: Subject, problem: Refusal | null, ageMs: number): void {
    if (ageMs <= 0 || (problem !== null && ERRORS[problem.reason].temporary)) return;
    const before = this.remembered.get(key);
    if (before !== undefined) this.forget(before);
    else if (this.isFull) this.forgetOldest();
    const known = { key, user, tenant, name, problem, until: this.clock.elapsed() + ageMs };
    this.remembered.set(key, known);
    this.rememberedAbout.add(known);
  }

  private get isFull(): boolean {
    return this.remembered.size >= this.options.capacity;
  }

  private forgetOldest(): void {
    let left = leavingAtOnce(this.options.capacity);
    for (const known of this.remembered.values()) {
      if (left === 0) return;
      left -= 1;
      this.forget(known);
    }
  }

  /** Asks one owner, or waits with those who have asked it the same. */
  private question(owner: TopicOwner, principal: Principal, action: Action, name: string, reply: Answered): void {
    const key = keyOf(owner, principal, action, name);
    const known = this.recall(key);
    if (known !== undefined) return reply(known);
    const underWay = this.questions.get(key);
    if (underWay !== undefined) {
      underWay.waiting.push(reply);
      return;
    }
    if (this.questions.size >= this.options.capacity) return reply(unavailable(owner, 'fewer questions under way'));
    const { tenant, user } = principal;
    const question: Question = {
      user,
      tenant,
      name,
      waiting: [reply],
      round: 0,
      timer: this.scheduler.after(this.options.timeoutMs, () =>
        this.settle(key, question, unavailable(owner, `an answer within ${this.options.timeoutMs} ms`)),
      ),
      askAgain: () => {
        question.round += 1;
        const { round } = question;
        const answered: DecisionReply = (problem, ageMs = this.options.ageMs) => {
          if (this.questions.get(key) !== question || question.round !== round) return;
          this.remember(key, question, problem, ageMs);
          this.settle(key, question, problem);
        };
        try {
          owner.mayAct?.(principal, action, name, answered);
        } catch (error) {
          this.failed(owner.app, error);
          answered(unavailable(owner, 'an answer, got a fault of the application'));
        }
      },
    };
    this.questions.set(key, question);
    this.questionsAbout.add(question);
    question.askAgain();
  }

  private settle(key: string, question: Question, problem: Refusal | null): void {
    this.questions.delete(key);
    this.questionsAbout.delete(question);
    question.timer.cancel();
    for (const reply of question.waiting) reply(problem);
  }
}

interface Asked {
  readonly owner: TopicOwner;
  readonly isWhole: boolean;
}

const NOBODY: readonly Asked[] = [];

const VERBS: Readonly<Record<Action, string>> = {
  subscribe: 'subscribe to',
  publish: 'publish to',
  'presence.enter': 'be present in',
  'presence.read': 'see who is present in',
  'presence.count': 'count who is present in',
};

function denied(action: Action, name: string, because: Denial): Refusal {
  return notAllowed(`expected a topic that this token may ${VERBS[action]}, got ${quote(name)}`, because);
}

function decidesOn({ mayAct, decides }: TopicOwner, action: Action): boolean {
  return mayAct !== null && (decides === undefined || decides.includes(action));
}

/** When a caller without a decision may ask again. */
const RETRY_MS = 1_000;

/** Roles belong to it: two tokens of one user may allow different things. */
function keyOf({ app }: TopicOwner, principal: Principal, action: Action, name: string): string {
  return joinPartsToKeep(app, userKey(principal), principal.roles.join(' '), action, name);
}

function unavailable({ app }: TopicOwner, expected: string): Refusal {
  return refusal('rights_unavailable', `expected ${expected} (${app} decides on this topic)`, RETRY_MS);
}

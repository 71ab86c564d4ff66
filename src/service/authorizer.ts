/**
 * The part that says what a principal may do. The token's rules know at once; the owner of a topic may have to ask a database.
 * The two ways keep the hot path free of callbacks: {@link Authorizer.decide} answers what is known, and only a caller
 * that is told "not known" makes the closure that {@link Authorizer.ask} takes.
 */
import type { Principal } from '../auth/principal.ts';
import type { Action } from '../auth/rights.ts';
import type { Refusal } from '../protocol/errors.ts';
import type { Remainder } from '../telemetry/round.ts';
import type { RightsChange } from './rights-change.ts';
import type { TopicOwners } from './topic-owners.ts';

export interface Authorizer {
  /**
   * `null` when it is allowed, a refusal when it is not, `undefined` when nobody knows without asking. Called on the
   * hot path: no allocation when the token's rules decide.
   * @param name a topic, a pattern (for `subscribe`) or `@me`, as the client names it
   */
  decide(principal: Principal, action: Action, name: string): Refusal | null | undefined;
  /** Exactly one answer, at once or later. Without an answer in time it is a refusal, never a yes. */
  ask(principal: Principal, action: Action, name: string, reply: (problem: Refusal | null) => void): void;
  /** Whether the principal may send direct messages: nobody owns those, so the token's rules decide at once. */
  decideDirect(principal: Principal): Refusal | null;
  /** From now on these decide about the topics that they own. */
  useOwners(owners: TopicOwners): void;
  /** Forgets what may have changed, and asks anew what is being asked: an answer under way may be of before. */
  rightsChanged(change: RightsChange): void;
  /** Whether a round of {@link sweep} goes on in another turn. */
  readonly isSweeping: boolean;
  /** Forgets answers that hold no more, of as many as one turn has time for: a user that does nothing costs nothing. */
  sweep(): Remainder;
}

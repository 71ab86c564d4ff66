/** In which topics who is present is kept, of whom, and who may do what with it. Off unless a rule says otherwise. */
import type { Principal } from '../auth/principal.ts';
import { notAllowed, quote, type Denial, type Refusal } from '../protocol/errors.ts';
import { covers } from '../protocol/topic.ts';

/** Whether users are the members of a topic, or each of their connections. */
type Membership = 'off' | 'user' | 'connection';

export type PresenceRight = 'enter' | 'read' | 'count';

export interface PresenceRule {
  readonly members: Membership;
  readonly enter: readonly string[];
  readonly read: readonly string[];
  readonly count: readonly string[];
}

export interface PresenceRules {
  /** The first that covers a topic counts. */
  readonly rules: readonly (PresenceRule & { readonly pattern: string })[];
  readonly fallback: PresenceRule;
}

const VERBS: Readonly<Record<PresenceRight, string>> = {
  enter: 'be present in',
  read: 'see who is present in',
  count: 'count who is present in',
};

/** Whether presence is used anywhere. */
export function usesPresence({ rules, fallback }: PresenceRules): boolean {
  return fallback.members !== 'off' || rules.some(({ members }) => members !== 'off');
}

/** @param name a topic as clients name it */
export function presenceRuleOf({ rules, fallback }: PresenceRules, name: string): PresenceRule {
  return rules.find(({ pattern }) => covers(pattern, name)) ?? fallback;
}

/** Why the principal may not, or `null`. A principal that may see the members may also count them. */
export function presenceProblem(
  rules: PresenceRules,
  principal: Principal,
  right: PresenceRight,
  name: string,
): Refusal | null {
  const because = denial(presenceRuleOf(rules, name), principal, right, name);
  if (because === null) return null;
  return notAllowed(`expected a topic that this token may ${VERBS[right]}, got ${quote(name)}`, because);
}

function denial(rule: PresenceRule, { roles, topics }: Principal, right: PresenceRight, name: string): Denial | null {
  if (rule.members === 'off') return 'no_rule';
  const allowed = right === 'count' ? [...rule.count, ...rule.read] : rule[right];
  if (!allowed.some((role) => roles.includes(role))) return allowed.length === 0 ? 'no_rule' : 'role';
  return topics === null || topics.subscribe.some((pattern) => covers(pattern, name)) ? null : 'token';
}

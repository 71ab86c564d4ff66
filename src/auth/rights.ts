/**
 * What a principal may do, decided at subscribe and publish and never per recipient. A topic is allowed when the rule
 * for it names one of the principal's roles, and the token's own `topics` claim, if there is one, covers it.
 */
import type { Denial } from '../protocol/errors.ts';
import { covers, looksLikePattern, ME, overlaps } from '../protocol/topic.ts';
import type { Principal } from './principal.ts';

/** What presence has roles for: to be a member, to see the members, to see how many there are. */
export type PresenceAction = 'presence.enter' | 'presence.read' | 'presence.count';

export type Action = 'subscribe' | 'publish' | PresenceAction;

/** Roles per action, for the topics that a pattern matches. */
export interface RightsRule {
  readonly pattern: string;
  readonly subscribe: readonly string[];
  readonly publish: readonly string[];
  /** Where presence is kept; without, nobody may. */
  readonly presence?: Readonly<Record<PresenceAction, readonly string[]>> | undefined;
}

export interface RightsRules {
  /** The first that covers a topic counts. */
  readonly rules: readonly RightsRule[];
  readonly fallback: Omit<RightsRule, 'pattern'>;
  /** Roles that may send direct messages; everybody may read their own. */
  readonly direct: readonly string[];
}

export class Rights {
  private readonly rules: RightsRules;

  constructor(rules: RightsRules) {
    this.rules = rules;
  }

  /** Of the rules, in their order. */
  get patterns(): readonly string[] {
    return this.rules.rules.map(({ pattern }) => pattern);
  }

  /** The roles that may, by the rule of this pattern; of no pattern, by what holds where no rule does. For operators alone. */
  rolesOf(pattern: string | null, action: Action): readonly string[] {
    const rule = this.rules.rules.find((candidate) => candidate.pattern === pattern);
    return rolesFor(rule ?? this.rules.fallback, action);
  }

  /**
   * Which of the three says no, or `null`. The rule and the role are asked before the token.
   * @param name a topic, a pattern (for `subscribe`), or `@me`
   */
  denial(principal: Principal, action: Action, name: string): Denial | null {
    if (name === ME) return action === 'subscribe' ? null : 'no_rule';
    return this.ruleDenial(principal, action, name) ?? (this.claimAllows(principal, action, name) ? null : 'token');
  }

  /**
   * Whether the token's own `topics` claim, if it has one, covers it, whatever the rules say. Presence needs what a
   * subscription needs.
   */
  claimAllows({ topics }: Principal, action: Action, name: string): boolean {
    const needed = action === 'publish' ? action : 'subscribe';
    return topics === null || topics[needed].some((pattern) => covers(pattern, name));
  }

  /** A token that narrows what may be published to nothing publishes nothing, to nobody. */
  directDenial({ roles, topics }: Principal): Denial | null {
    return roleDenial(this.rules.direct, roles) ?? (topics?.publish.length === 0 ? 'token' : null);
  }

  private ruleDenial(principal: Principal, action: Action, name: string): Denial | null {
    const { rules, fallback } = this.rules;
    // A pattern reaches into every rule that it overlaps: each of them must agree, up to the one that covers it whole.
    const isPattern = looksLikePattern(name);
    for (const rule of rules) {
      const isWhole = covers(rule.pattern, name);
      if (!isWhole && !(isPattern && overlaps(rule.pattern, name))) continue;
      const denial = roleDenial(rolesFor(rule, action), principal.roles);
      if (denial !== null || isWhole) return denial;
    }
    return roleDenial(rolesFor(fallback, action), principal.roles);
  }
}

function rolesFor(rule: Omit<RightsRule, 'pattern'>, action: Action): readonly string[] {
  if (action === 'subscribe' || action === 'publish') return rule[action];
  return rule.presence?.[action] ?? [];
}

function roleDenial(asked: readonly string[], roles: readonly string[]): Denial | null {
  for (const role of asked) if (roles.includes(role)) return null;
  return asked.length === 0 ? 'no_rule' : 'role';
}

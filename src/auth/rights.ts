/**
 * What a principal may do, decided at subscribe and publish and never per recipient. A topic is allowed when the rule
 * for it names one of the principal's roles, and the token's own `topics` claim, if there is one, covers it.
 */
import { covers, looksLikePattern, ME, overlaps } from '../protocol/topic.ts';
import type { Principal } from './principal.ts';

export type Action = 'subscribe' | 'publish';

/** Roles per action, for the topics that a pattern matches. */
export interface RightsRule {
  readonly pattern: string;
  readonly subscribe: readonly string[];
  readonly publish: readonly string[];
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

  /** @param name a topic, a pattern (for `subscribe`), or `@me` */
  allows(principal: Principal, action: Action, name: string): boolean {
    if (name === ME) return action === 'subscribe';
    return this.roleAllows(principal, action, name) && claimAllows(principal, action, name);
  }

  /** A token that narrows what may be published to nothing publishes nothing, to nobody. */
  allowsDirectMessages({ roles, topics }: Principal): boolean {
    return intersects(this.rules.direct, roles) && (topics === null || topics.publish.length > 0);
  }

  private roleAllows(principal: Principal, action: Action, name: string): boolean {
    const { rules, fallback } = this.rules;
    // A pattern reaches into every rule that it overlaps: each of them must agree, up to the one that covers it whole.
    const isPattern = looksLikePattern(name);
    for (const rule of rules) {
      if (isPattern ? !overlaps(rule.pattern, name) : !covers(rule.pattern, name)) continue;
      if (!intersects(rule[action], principal.roles)) return false;
      if (covers(rule.pattern, name)) return true;
    }
    return intersects(fallback[action], principal.roles);
  }
}

function claimAllows({ topics }: Principal, action: Action, name: string): boolean {
  return topics === null || topics[action].some((pattern) => covers(pattern, name));
}

function intersects(left: readonly string[], right: readonly string[]): boolean {
  return left.some((item) => right.includes(item));
}

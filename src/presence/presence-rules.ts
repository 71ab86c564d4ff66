/** The topics whose presence is kept, and what their members are. Off unless a rule says otherwise. Rights are in auth/rights.ts. */
import { covers } from '../protocol/topic.ts';

/** Whether users are the members of a topic, or each of their connections. */
export type Membership = 'off' | 'user' | 'connection';

export interface PresenceRules {
  /** The first that covers a topic counts. */
  readonly rules: readonly { readonly pattern: string; readonly members: Membership }[];
  readonly fallback: Membership;
}

/** Whether presence is used anywhere. */
export function usesPresence({ rules, fallback }: PresenceRules): boolean {
  return fallback !== 'off' || rules.some(({ members }) => members !== 'off');
}

/** @param name a topic as clients name it */
export function membershipOf({ rules, fallback }: PresenceRules, name: string): Membership {
  return rules.find(({ pattern }) => covers(pattern, name))?.members ?? fallback;
}

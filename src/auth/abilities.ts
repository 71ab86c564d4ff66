/** What a principal may do, topic by topic: for operators who look at a token. */
import type { Denial } from '../protocol/errors.ts';
import type { Principal } from './principal.ts';
import type { Rights } from './rights.ts';

/** A topic or pattern with whose no it is; `null` is a yes. */
export interface Ability {
  readonly name: string;
  readonly subscribe: Denial | null;
  readonly publish: Denial | null;
}

export interface Abilities {
  /** The patterns that the token names, and those of the rules. */
  readonly topics: readonly Ability[];
  /** Of every topic that none of them covers. */
  readonly others: Ability;
  /** To send direct messages; everybody may read their own. */
  readonly direct: Denial | null;
  /** What a connection has from the start by the claim `subscribe`. */
  readonly given: readonly { readonly name: string; readonly subscribe: Denial | null }[];
}

const OTHER_TOPICS = 'any-other-topic';

export function abilitiesOf(rights: Rights, principal: Principal): Abilities {
  const { topics, subscribe = [] } = principal;
  const names = new Set([...(topics?.subscribe ?? []), ...(topics?.publish ?? []), ...rights.patterns]);
  const of = (name: string): Ability => ({
    name,
    subscribe: rights.denial(principal, 'subscribe', name),
    publish: rights.denial(principal, 'publish', name),
  });
  return {
    topics: [...names].map(of),
    others: of(OTHER_TOPICS),
    direct: rights.directDenial(principal),
    given: subscribe.map((name) => ({
      name,
      // Its own messages are everybody's, and presence has rules of its own.
      subscribe: name.startsWith('@') ? null : rights.denial(principal, 'subscribe', name),
    })),
  };
}

/** Whether there is no topic that it may subscribe to or publish in. */
export function mayNothing({ topics, others }: Abilities): boolean {
  return [...topics, others].every(({ subscribe, publish }) => subscribe !== null && publish !== null);
}

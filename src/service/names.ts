/** From a client's names to the node's. */
import type { Principal } from '../auth/principal.ts';
import { quote, refusal, type Refusal } from '../protocol/errors.ts';
import { directTopic, ME, qualify, type Topic } from '../protocol/topic.ts';

/** The node's name of a topic (or pattern) that a client names. */
export function nodeName(principal: Principal, name: string): Topic {
  return name === ME ? directTopic(principal.tenant, principal.user) : qualify(principal.tenant, name);
}

export function invalidTopic(name: string): Refusal {
  return refusal('invalid_topic', `expected 1 to 256 bytes of dotted segments [A-Za-z0-9_:-], got ${quote(name)}`);
}

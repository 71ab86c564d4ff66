/** What the configuration says of conflated topics, in the terms of the router. */
import type { Config } from '../../config/schema.ts';
import { matches, wireName } from '../../protocol/topic.ts';
import type { Conflation } from '../../router/newest-by-key.ts';

/** Of all topics together, as a part of what the mailboxes of the node may hold. */
const SHARE = 4;

export function conflatedBytes({ topics, actor_system: actors }: Config): number {
  const isUsed = topics.rules.some(({ conflate }) => conflate !== undefined);
  return isUsed ? Math.floor(actors.mailboxes_total_bytes / SHARE) : 0;
}

/** `undefined` where no rule conflates anything: then no topic is asked about. */
export function conflationOf(config: Config): Conflation | undefined {
  const { topics, actor_system: actors } = config;
  const totalBytes = conflatedBytes(config);
  if (totalBytes === 0) return undefined;
  return {
    keyOf: (topic) => topics.rules.find(({ pattern }) => matches(pattern, wireName(topic)))?.conflate,
    limits: {
      messages: actors.mailbox_capacity,
      bytes: actors.mailbox_bytes,
      totalBytes,
    },
  };
}

/** What the configuration says of conflated topics, in the terms of the router. */
import type { Config } from '../../config/schema.ts';
import { matches, wireName } from '../../protocol/topic.ts';
import type { Conflation } from '../../router/newest-by-key.ts';

/** `undefined` where no rule conflates anything: then no topic is asked about. */
export function conflationOf({ topics, actor_system: actors }: Config): Conflation | undefined {
  if (topics.rules.every(({ conflate }) => conflate === undefined)) return undefined;
  return {
    keyOf: (topic) => topics.rules.find(({ pattern }) => matches(pattern, wireName(topic)))?.conflate,
    limits: {
      messages: actors.mailbox_capacity,
      bytes: actors.mailbox_bytes,
      totalBytes: actors.mailboxes_total_bytes,
    },
  };
}

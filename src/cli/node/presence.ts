/** Presence in topics: what the configuration says of it, and the node's part of it. */
import type { Config } from '../../config/schema.ts';
import { Presence, type PresenceParts } from '../../presence/presence.ts';
import type { LogFactory } from '../../telemetry/pino-log.ts';
import type { Storage } from '../storage/storage.ts';
import type { ConnectionContext } from '../../connection/context.ts';
import { usesPresence, type PresenceRules } from '../../presence/presence-rules.ts';
import { Upkeep } from '../../presence/upkeep.ts';
import type { PresenceService } from '../../service/presence-service.ts';

const LARGE_TOPIC = 100;
const RETRY_MS = 1_000;
const WINDOW_MS = 10_000;
/** As often as leases are renewed. */
const LOOK_MS = 5_000;
/** Between two topics of a dead node: 200 a second. */
const PACE_MS = 5;

/** @param isKept by an application, whatever the rules say. @returns `null` where nobody keeps presence */
export function buildPresence(
  config: Config,
  parts: PresenceParts,
  instance: string,
  isKept: boolean,
): PresenceService | null {
  const rules = presenceRules(config);
  if (!usesPresence(rules) && !isKept) return null;
  const { presence } = config;
  const options = {
    batches: {
      batchMs: presence.batch_ms,
      largeBatchMs: Math.max(presence.batch_ms, presence.large_batch_ms),
      largeFrom: LARGE_TOPIC,
      retryMs: RETRY_MS,
    },
    graceMs: presence.grace_secs * 1_000,
    perConnection: presence.per_connection,
    rates: { changes: presence.changes_per_10_secs, windowMs: WINDOW_MS },
  };
  return {
    presence: new Presence(options, parts, instance),
    rules,
    dataBytes: presence.data_bytes,
    listed: presence.max_members_listed,
  };
}

/** Alone there is nobody to look after. */
export function buildUpkeep(
  config: Config,
  context: ConnectionContext,
  storage: Storage,
  logs: LogFactory,
): Upkeep | null {
  const { clock, scheduler, counters } = context;
  const presence = context.presence?.presence;
  if (storage.shared === null || presence === undefined) return null;
  const options = { lookMs: LOOK_MS, graceMs: config.presence.grace_secs * 1_000, paceMs: PACE_MS };
  const log = logs.room('presence');
  return new Upkeep(options, { presence, store: storage.presence, clock, scheduler, counters, log });
}

function presenceRules({ topics }: Config): PresenceRules {
  return {
    fallback: topics.presence,
    rules: topics.rules.map(({ pattern, presence = topics.presence }) => ({ pattern, members: presence })),
  };
}

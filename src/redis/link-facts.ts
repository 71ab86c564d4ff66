/** What a node shows operators of its link to Redis, without making anybody wait for a Redis that does not answer. */
import type { Clock, Scheduler } from '../telemetry/clock.ts';
import type { RedisLink } from './link.ts';
import { lookDeeper, serverFacts, type DeepLook, type RedisServerFacts } from './look.ts';
import type { LinkProblem } from './problem.ts';

export interface RedisFacts {
  readonly prefix: string;
  readonly database: number;
  readonly state: string;
  readonly problem: LinkProblem | null;
  readonly latency_ms: { readonly p50: number; readonly max: number } | null;
  readonly lost: number;
  readonly timeouts: number;
  readonly emptied: number;
  /** As they last said, every two seconds; none before Redis has answered. */
  readonly servers: readonly RedisServerFacts[];
  /** `null` when Redis did not answer in time. */
  readonly deep: DeepLook | null;
}

const DEEP_MS = 1_000;

export async function linkFacts(link: RedisLink, clock: Clock, scheduler: Scheduler): Promise<RedisFacts> {
  return {
    prefix: link.keys.prefix,
    database: link.keys.database,
    state: link.state,
    problem: link.problem,
    latency_ms: link.vitals.latency,
    lost: link.counts.lost,
    timeouts: link.counts.timeouts,
    emptied: link.vitals.emptied,
    servers: link.vitals.infos.map((info) => serverFacts(info, clock.now())),
    deep: link.isAvailable ? await deepLook(link, clock, scheduler) : null,
  };
}

function deepLook(link: RedisLink, clock: Clock, scheduler: Scheduler): Promise<DeepLook | null> {
  return new Promise((resolve) => {
    const late = scheduler.after(DEEP_MS, () => resolve(null));
    lookDeeper(
      (command) => link.askAll(command),
      () => clock.now(),
      link.keys.start('stream'),
    )
      .then(resolve, () => resolve(null))
      .finally(() => late.cancel());
  });
}

/** Whether Redis can be used, and if not, for which of the many reasons. */
import type { Check } from '../../check.ts';
import { fail, ok, warn, type Observation } from '../../finding.ts';
import { redisLooks, type RedisLooked } from '../../redis-look.ts';

/** Reasons that nobody loses anything for yet. */
const BEARABLE: ReadonlySet<string> = new Set(['slow', 'loading']);

export const redisCondition: Check = {
  name: 'redis.condition',
  looksAt: 'Whether Redis answers, takes the password, is fit, has room, is fast, and was not emptied; if not, why.',
  needs: ['redis'],
  run: async (patient) => (await redisLooks(patient)).map((look) => judged(look, patient.clock.now())),
};

function judged({ who, facts }: RedisLooked, now: number): Observation {
  const { problem, latency_ms: latency, servers } = facts;
  if (problem === null) {
    const versions = [...new Set(servers.map(({ version }) => version))].join(', ');
    return ok(`${who}: Redis ${versions} answers within ${latency?.max ?? '?'} ms`);
  }
  const secs = Math.max(0, Math.round((now - problem.since) / 1_000));
  const says = `${who}: ${problem.says} (for ${secs} s)`;
  return BEARABLE.has(problem.cause) ? warn(says, problem.cure) : fail(says, problem.cure);
}

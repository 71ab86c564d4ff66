/** Whether the clock of this machine is that of Redis: leases and orders go by the one, tokens by the other. */
import type { Check } from '../../check.ts';
import { ok, warn } from '../../finding.ts';
import { redisLooks } from '../../redis-look.ts';

/** A look takes time: less is not seen. */
const SEEN_MS = 1_000;

export const redisClock: Check = {
  name: 'redis.clock',
  looksAt: 'The clock of Redis against that of this machine, or of the node that looked.',
  needs: ['redis'],
  run: async (patient) => {
    for (const { who, facts } of await redisLooks(patient)) {
      const ahead = facts.deep?.clock_ahead_ms ?? null;
      if (ahead === null) continue;
      if (Math.abs(ahead) < SEEN_MS) return [ok(`the clocks of Redis and ${who} agree`)];
      const says = `the clock of Redis is ${Math.abs(ahead / 1_000).toFixed(1)} s ${ahead > 0 ? 'ahead of' : 'behind'} that of ${who}`;
      return [warn(says, 'let a time service set both clocks: timedatectl, chronyc tracking')];
    }
    return [];
  },
};

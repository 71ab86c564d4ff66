/** Whether a silent connection lives, who ended it, and after how long (`--idle`). */
import type { Check } from '../../check.ts';
import { fail, ok, type Observation } from '../../finding.ts';
import type { Patient } from '../../patient.ts';
import { greeted } from '../../way/greeted.ts';
import { tokenOf, waysOf, type Way } from '../../way/way.ts';
import type { End } from '../../way/wire.ts';

export const wayIdle: Check = {
  name: 'way.idle',
  looksAt:
    'With `--idle SECS`: whether a silent connection lives so long, and if not, who ended it after how many seconds, against the pings of the node.',
  needs: ['url', 'tokens', 'idle'],
  run: async (patient) => (await Promise.all(waysOf(patient).map((way) => judged(way, patient)))).flat(),
};

async function judged(way: Way, patient: Patient): Promise<readonly Observation[]> {
  const found = await greeted(way, { token: tokenOf(patient) });
  if (found === null || found === 'silent') return [];
  const { wire, details } = found;
  const heartbeat = Number(details['heartbeat_interval_ms']) / 1_000;
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), patient.idleMs);
  });
  const end = await Promise.race([wire.ended, patience]);
  clearTimeout(timer);
  const { pings } = wire;
  wire.close();
  if (end !== null) return [ended(end, heartbeat)];
  const more =
    pings > 0
      ? `${pings} pings of the node came`
      : `the node pings every ${heartbeat} s, so that a longer --idle says more`;
  return [ok(`a silent connection lives for ${patient.idleMs / 1_000} s: ${more}`)];
}

function ended({ code, reason, afterMs }: End, heartbeat: number): Observation {
  const after = `${(afterMs / 1_000).toFixed(1)} s`;
  if (code === 4105)
    return fail(
      `the node ended a silent connection after ${after} (4105): the pongs of its client do not come through`,
      'let the proxy pass control frames on; look for one that answers pings itself',
    );
  if (code !== null)
    return fail(
      `a close frame with ${code} ended a silent connection after ${after}${reason === '' ? '' : `: ${reason}`}`,
      code >= 4_000 ? 'docs/errors.md has the code: the node sent it' : 'look at what the proxy closes after a time',
    );
  const short = afterMs / 1_000 < heartbeat;
  return fail(
    `something on the way cut a silent connection after ${after} without a close frame; the node pings every ${heartbeat} s${short ? ', which is too late' : ''}`,
    `raise its time-out above ${heartbeat} s (nginx: proxy_read_timeout 90s, HAProxy: timeout tunnel 90s, AWS: idle_timeout), or set websocket.heartbeat_interval_secs below ${after}`,
  );
}

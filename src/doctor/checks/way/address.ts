/** Where the name of a way leads, and whether every address of it answers: clients take any of them. */
import type { Check } from '../../check.ts';
import { fail, ok, warn, type Observation } from '../../finding.ts';
import { portOf } from '../../way/lines.ts';
import { messageOf, waysOf, type Tried, type Way } from '../../way/way.ts';

export const wayAddress: Check = {
  name: 'way.address',
  looksAt: 'DNS (A and AAAA) of each `--url ws(s)://`, and whether each address takes a connection.',
  needs: ['url'],
  run: async (patient) => (await Promise.all(waysOf(patient).map(judged))).flat(),
};

async function judged(way: Way): Promise<readonly Observation[]> {
  const { url } = way;
  const name = url.hostname;
  let tried: readonly Tried[];
  try {
    tried = await way.tried();
  } catch (error) {
    return [
      fail(
        `the name ${name} leads nowhere: ${messageOf(error)}`,
        `dig +short ${name} A ${name} AAAA; the record may not have spread yet`,
      ),
    ];
  }
  const good = tried.filter(({ problem }) => problem === null);
  const bad = tried.filter(({ problem }) => problem !== null);
  const list = (addresses: readonly Tried[]): string => addresses.map(({ address }) => address).join(', ');
  if (good.length === 0)
    return [
      fail(
        `nobody answers at port ${portOf(url)} of ${list(tried)}: ${bad[0]?.problem}`,
        'look whether the proxy runs and listens there (ss -tlnp), and at firewalls and security groups',
      ),
    ];
  if (bad.length === 0) return [ok(`${name} is ${list(good)}, and port ${portOf(url)} answers`)];
  return bad.map(({ address, family, problem }) =>
    warn(
      `${address} (${family === 6 ? 'AAAA' : 'A'} of ${name}) does not answer at port ${portOf(url)}, and ${list(good)} does: ${problem}`,
      family === 6
        ? 'let the proxy listen on IPv6 (nginx: listen [::]:443 ssl), or take the AAAA record away'
        : 'take the record away, or start what listens there',
    ),
  );
}

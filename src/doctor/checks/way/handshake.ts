/** Whether a handshake comes through to a node, and what answers instead of one. */
import type { Check } from '../../check.ts';
import { fail, type Observation } from '../../finding.ts';
import { judgeAnswer } from '../../way/judge-answer.ts';
import { isSecure } from '../../way/lines.ts';
import { messageOf, tokenOf, waysOf, type Way } from '../../way/way.ts';

export const wayHandshake: Check = {
  name: 'way.handshake',
  looksAt:
    'What answers a handshake at each `--url ws(s)://`: a node, a proxy that drops `Upgrade`, a redirect, a login page, a wrong path, a proxy without nodes.',
  needs: ['url'],
  run: async (patient) => (await Promise.all(waysOf(patient).map((way) => judged(way, tokenOf(patient))))).flat(),
};

async function judged(way: Way, token: string | undefined): Promise<readonly Observation[]> {
  const address = await way.address().catch(() => null);
  if (address === null) return [];
  try {
    return [judgeAnswer(way.url, await way.answer(token), token !== undefined)];
  } catch (error) {
    const isTls = isSecure(way.url) && !/within/.test(messageOf(error));
    // The check of the certificate says what is wrong with TLS.
    return isTls
      ? []
      : [
          fail(
            `${way.url.host} takes the connection and does not answer the handshake: ${messageOf(error)}`,
            'look into the log of the proxy, and whether its node runs (./signalbox nodes)',
          ),
        ];
  }
}

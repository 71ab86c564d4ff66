/** Whether the subprotocol comes back, without which a browser closes, and whether compression is agreed on. */
import type { Check } from '../../check.ts';
import { fail, ok, warn, type Observation } from '../../finding.ts';
import type { Answer } from '../../way/answer.ts';
import { tokenOf, waysOf } from '../../way/way.ts';

export const wayNegotiation: Check = {
  name: 'way.negotiation',
  looksAt:
    'Whether `Sec-WebSocket-Protocol` and `Sec-WebSocket-Extensions` (permessage-deflate) come through in both directions.',
  needs: ['url', 'tokens'],
  run: async (patient) => {
    const compresses = patient.configuration?.config?.websocket.compression;
    const answers = await Promise.all(waysOf(patient).map((way) => way.answer(tokenOf(patient)).catch(() => null)));
    return answers.flatMap((answer) => (answer?.isAccepted === true ? judged(answer, compresses) : []));
  },
};

function judged({ headers }: Answer, compresses: boolean | undefined): readonly Observation[] {
  const protocol = headers.get('sec-websocket-protocol');
  const deflates = headers.get('sec-websocket-extensions')?.includes('permessage-deflate') === true;
  const found: Observation[] = [];
  if (protocol !== 'signalbox.json')
    found.push(
      fail(
        `the answer names ${protocol === undefined ? 'no subprotocol' : `the subprotocol ${JSON.stringify(protocol)}`}, and signalbox.json was asked for: browsers close such a connection`,
        'let the proxy pass Sec-WebSocket-Protocol back to clients',
      ),
    );
  if (compresses === true && !deflates)
    found.push(
      warn(
        'compression is on (websocket.compression), and the way drops its extension',
        'let the proxy pass Sec-WebSocket-Extensions on, in both directions',
      ),
    );
  if (found.length > 0) return found;
  return [
    ok(
      `the subprotocol comes back, and compression is ${deflates ? 'agreed on (permessage-deflate)' : 'not agreed on (websocket.compression)'}`,
    ),
  ];
}

/** Whether messages pass in both directions, at once, and of the size that a node takes. */
import type { Check } from '../../check.ts';
import { fail, ok, warn, type Observation } from '../../finding.ts';
import { greeted } from '../../way/greeted.ts';
import { tokenOf, waysOf, type Way } from '../../way/way.ts';
import type { Wire } from '../../way/wire.ts';

/** With the greeting and the connection before them, less than a check has. */
const ANSWER_MS = 2_000;
const LARGE_MS = 1_500;
/** Above this a way feels slow to its users, in ms. */
const SLOW_MS = 500;
const TIMES = 3;

export const wayMessages: Check = {
  name: 'way.messages',
  looksAt:
    'Whether messages pass each `--url ws(s)://` both ways, how fast, without being held back, and up to `websocket.max_message_size`.',
  needs: ['url', 'tokens'],
  run: async (patient) => (await Promise.all(waysOf(patient).map((way) => judged(way, tokenOf(patient))))).flat(),
};

async function judged(way: Way, token: string | undefined): Promise<readonly Observation[]> {
  const found = await greeted(way, { token });
  if (found === null) return [];
  if (found === 'silent')
    return [
      fail(
        'the upgrade succeeds, and nothing that the node says comes through: the way holds data back',
        'proxy_buffering off (nginx); no option http-buffer-request, no caching or scanning of /ws',
      ),
    ];
  const { wire, details } = found;
  try {
    const ms = await quickest(wire);
    if (ms === null)
      return [
        fail(
          `no answer to a message within ${ANSWER_MS / 1_000} s: the way holds data of clients back`,
          'proxy_request_buffering off (nginx), no scanning of /ws',
        ),
      ];
    const size = Number(details['max_message_size']);
    const large = await roundTrip(wire, 'large', size, LARGE_MS);
    if (large === null) return [tooLarge(size)];
    const says = `messages pass both ways, in ${Math.round(ms)} ms there and back, and up to ${size} bytes`;
    return [
      ms > SLOW_MS
        ? warn(`${says}: that is slow`, 'nodes near their clients; ping and mtr to the address say where the time goes')
        : ok(says),
    ];
  } finally {
    wire.close();
  }
}

function tooLarge(size: number): Observation {
  return fail(
    `a message of ${size} bytes, which a node takes (websocket.max_message_size), does not pass: something on the way has a lower limit`,
    'raise the limit of the proxy or the firewall for WebSocket messages, or lower websocket.max_message_size to it, so that clients know',
  );
}

/** Of several, because a machine that is busy for a moment is no slow way. */
async function quickest(wire: Wire): Promise<number | null> {
  let best = await roundTrip(wire, 'first', 0, ANSWER_MS);
  for (let time = 1; time < TIMES && best !== null && best > SLOW_MS / TIMES; time += 1)
    best = Math.min(best, (await roundTrip(wire, `again-${time}`, 0, SLOW_MS)) ?? best);
  return best;
}

/** A ping that changes nothing. @returns ms, or `null` */
async function roundTrip(wire: Wire, id: string, atLeast: number, ms: number): Promise<number | null> {
  const from = performance.now();
  wire.send({ type: 'Ping', id, data: {} }, atLeast);
  const answer = await wire.next((message) => message['reply_to'] === id, ms);
  return answer === null ? null : performance.now() - from;
}

/** Whether the running node takes a handshake of a page: it may have been started with another list, and a proxy may change the header. */
import { isOriginAllowed } from '../../../node/origins.ts';
import type { Check } from '../../check.ts';
import { fail, ok, type Observation } from '../../finding.ts';
import { originOf } from '../../origins.ts';
import type { Patient } from '../../patient.ts';
import { ownRefusal } from '../../way/judge-answer.ts';
import { waysOf, type Way } from '../../way/way.ts';
import { Wire } from '../../way/wire.ts';

const TOLD_MS = 1_500;
/** What a node asks for once the origin was good. */
const LATER = /^token_/;

export const originsHandshake: Check = {
  name: 'origins.handshake',
  looksAt: 'Whether a node at `--url ws(s)://` takes a handshake with the `Origin` of `--page`.',
  needs: ['page', 'url'],
  run: async (patient) => (await Promise.all(waysOf(patient).map((way) => judged(way, patient)))).flat(),
};

async function judged(way: Way, patient: Patient): Promise<readonly Observation[]> {
  const origin = patient.page === null ? null : originOf(patient.page);
  if (origin === null) return [];
  const reason = await reasonOf(way, origin).catch(() => 'unreached');
  if (reason === 'unreached') return [];
  if (reason === null || LATER.test(reason))
    return [ok(`the node at ${way.url.host} takes handshakes of pages of ${origin}`)];
  if (reason !== 'origin_not_allowed') return [];
  const allowed = patient.configuration?.config?.security.allowed_origins;
  const isAllowedHere = allowed !== undefined && isOriginAllowed(origin, allowed);
  if (isAllowedHere)
    return [
      fail(
        `the node at ${way.url.host} refuses pages of ${origin}, which the configuration here allows: it was changed after the start, or a proxy changes the header Origin`,
        'restart the nodes one after the other; look that the proxy passes Origin on as it came',
      ),
    ];
  return [
    fail(
      `the node at ${way.url.host} refuses pages of ${origin} (origin_not_allowed)`,
      'its log has the line to add to security.allowed_origins',
    ),
  ];
}

/** Why the node refuses, `null` when it does not; `unreached` where no node answers, which other checks look at. */
async function reasonOf(way: Way, origin: string): Promise<string | null> {
  const { answer, line } = await way.shake({ origin });
  if (!answer.isAccepted) {
    line.destroy();
    return ownRefusal(answer.body)?.reason ?? 'unreached';
  }
  // A page sees nothing of an HTTP answer: it is told on the socket, which is closed at once.
  const wire = new Wire(line, answer.rest);
  const told = await wire.next(({ type }) => type === 'Error' || type === 'Status', TOLD_MS);
  wire.close();
  if (told?.['type'] !== 'Error') return null;
  return String((told['data'] as { reason?: unknown } | undefined)?.reason);
}

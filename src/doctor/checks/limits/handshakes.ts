/** Clients that nodes do not let in, by the reason that they are told. */
import type { Reason } from '../../../protocol/errors.ts';
import type { Check } from '../../check.ts';
import { eachNode, percent } from '../../each-node.ts';
import { warn, type Observation } from '../../finding.ts';

/** A token that has expired is refused every day, and its client comes back with another one. */
const MANY = 10;

/** By the reason of docs/errors.md. */
const CURES = new Map<string, string>(
  Object.entries({
    token_missing: 'clients send Authorization: Bearer, the subprotocol access_token.…, or ?token= (docs/protocol.md)',
    token_expired: 'clients fetch a new token before they come back; ./signalbox token --check of one says since when',
    token_invalid: './signalbox doctor --token of one of them says which key, clock or claim it is',
    token_revoked: 'their users sign in again; ./signalbox emergency shows what was revoked',
    origin_not_allowed: 'add the origin to security.allowed_origins: the log names it, ./signalbox doctor --page asks',
    over_capacity: 'add nodes, or raise websocket.max_connections, max_connections_per_user, accepts_per_second',
    connection_limit:
      'close what is no longer used (./signalbox connections --user), or raise max_connections_per_user',
  } satisfies Partial<Record<Reason, string>>),
);

export const limitsHandshakes: Check = {
  name: 'limits.handshakes',
  looksAt: 'Handshakes that were refused since the start, by reason, when they are one in ten or more.',
  needs: ['admin'],
  run: (patient) =>
    eachNode(
      patient,
      ({ connections }): readonly Observation[] => {
        const refused = Object.entries(connections?.refused ?? {});
        const all = refused.reduce((sum, [, count]) => sum + count, connections?.accepted ?? 0);
        return refused
          .filter(([, count]) => percent(count, all) >= MANY)
          .toSorted(([, a], [, b]) => b - a)
          .map(([reason, count]) =>
            warn(
              `${count} of ${all} handshakes were refused: ${reason}`,
              CURES.get(reason) ?? `docs/errors.md says what ${reason} means`,
            ),
          );
      },
      (nodes) => {
        const accepted = nodes.reduce((sum, { connections }) => sum + (connections?.accepted ?? 0), 0);
        return `${accepted} handshakes were accepted since the start, and few refused`;
      },
    ),
};

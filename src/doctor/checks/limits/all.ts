/** Clients that rates refuse, and clients that the socket library cuts off. */
import type { Check } from '../../check.ts';
import { eachNode } from '../../each-node.ts';
import { warn, type Observation } from '../../finding.ts';
import { limitsEnded } from './ended.ts';
import { limitsFrames } from './frames.ts';
import { limitsHandshakes } from './handshakes.ts';

const limitsRefused: Check = {
  name: 'limits.refused',
  looksAt: 'What rates refused since the start, by scope, and which users most often.',
  needs: ['admin'],
  run: (patient) =>
    eachNode(
      patient,
      ({ limits }): readonly Observation[] => {
        const refused = Object.entries(limits?.refused ?? {});
        if (refused.length === 0) return [];
        const scopes = refused.map(([scope, count]) => `${count} by the rate of the ${scope}`).join(', ');
        const users = (limits?.limited ?? []).slice(0, 3).map(({ user, refused: count }) => `${user} (${count})`);
        const who = users.length === 0 ? 'nobody who is still known' : `most often of ${users.join(', ')}`;
        return [
          warn(
            `frames or requests were refused: ${scopes}; ${who}`,
            'let these clients send less, or raise rate_limiting.connection_rps, user_rps, global_rps',
          ),
        ];
      },
      () => 'rates refused nobody since the start',
    ),
};

/** Close codes of clients that the socket library cut off, with what they sent. */
const CUT_OFF: readonly (readonly [code: string, sent: string])[] = [
  ['1009', 'a message of more than four times websocket.max_message_size'],
  ['1007', 'a text that is not UTF-8'],
  ['1002', 'what is no WebSocket frame'],
];

const limitsCutOff: Check = {
  name: 'limits.cut-off',
  looksAt: 'Connections that were cut off for what the client sent (close codes 1009, 1007, 1002), since the start.',
  needs: ['admin'],
  run: (patient) =>
    eachNode(
      patient,
      ({ limits }): readonly Observation[] =>
        CUT_OFF.flatMap(([code, sent]) => {
          const count = limits?.closed?.[code] ?? 0;
          if (count === 0) return [];
          return [
            warn(
              `${count} connections were cut off (${code}): the client sent ${sent}`,
              'the log has "Client cut off for what it sent" with the user: correct that client',
            ),
          ];
        }),
      () => 'no client was cut off for what it sent',
    ),
};

/** Callers that an application refuses, with what helps. */
const CALLERS: Readonly<Record<string, readonly [who: string, cure: string]>> = {
  tenant_required: [
    'users without a tenant',
    'give them tokens with the claim tenant, or set apps.tenants.required = false',
  ],
  tenant_not_found: [
    'users of tenants that there are not',
    'the log names the tenants: ./signalbox tenants create, or correct the issuer',
  ],
  tenant_suspended: ['users of tenants that are suspended', 'the log names the tenants: ./signalbox tenants resume'],
  tenant_conflict: [
    'callers that name two tenants',
    'a token, a key, a subdomain and X-Tenant-ID have to be of one tenant',
  ],
  rate_limited: [
    'requests beyond the minute of their tenant',
    './signalbox tenants usage, then tenants set ID \'{"rateLimit": …}\'',
  ],
  unknown_key: ['API keys that are unknown or have ended', './signalbox tenants of-key says whose a key is'],
};

const limitsCallers: Check = {
  name: 'limits.callers',
  looksAt: 'Callers whom the application of tenants does not let be served, since the start, by reason.',
  needs: ['admin'],
  run: (patient) =>
    eachNode(
      patient,
      ({ limits }): readonly Observation[] =>
        Object.entries(limits?.callers ?? {}).map(([reason, count]) => {
          const [who, cure] = CALLERS[reason] ?? [`callers (${reason})`, 'docs/errors.md says what it means'];
          return warn(`${count} times refused: ${who}`, cure);
        }),
      (nodes) =>
        nodes.some(({ limits }) => limits?.callers !== undefined) ? 'every caller with a good token was served' : null,
    ),
};

export const LIMIT_CHECKS: readonly Check[] = [
  limitsHandshakes,
  limitsRefused,
  limitsFrames,
  limitsCallers,
  limitsCutOff,
  limitsEnded,
];

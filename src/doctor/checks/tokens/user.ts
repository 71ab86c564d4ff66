/** Whether the claims of a token agree on its user: clients compare the sender of a message with one of them. */
import type { Check } from '../../check.ts';
import { ok, warn, type Observation } from '../../finding.ts';
import { isAccepted, verdictsOf, type Verdicts } from '../../tokens/verdicts.ts';
import { quote } from '../../../protocol/errors.ts';

/** Where applications write the id of a user of their own. A client that compares senders with one of them takes itself for another. */
const OTHER_NAMES = ['user_id', 'userId', 'uid', 'id', 'username'];

export const tokensUser: Check = {
  name: 'tokens.user',
  looksAt:
    'Which user the messages of each accepted `--token` come from, and whether another claim names another user: clients that compare with that claim show own messages as those of others.',
  needs: ['tokens', 'configuration'],
  run: async (patient) => (await verdictsOf(patient)).flatMap(userOf),
};

function userOf({ token: { label, parts }, here }: Verdicts): readonly Observation[] {
  if (!isAccepted(here)) return [];
  const { user } = here.principal;
  const others = OTHER_NAMES.flatMap((name) => {
    const value = parts?.claims[name];
    const isName = typeof value === 'string' || typeof value === 'number';
    return isName && String(value) !== user ? [`${name} ${quote(String(value))}`] : [];
  });
  if (others.length === 0) return [ok(`messages of ${label} come from ${quote(user)}`)];
  return [
    warn(
      `messages of ${label} come from ${quote(user)}, and its other claims name another user: ${others.join(', ')}`,
      'let the client compare senders with the user of its first Status (mine of the client library does), or let the issuer write one id into all claims',
    ),
  ];
}

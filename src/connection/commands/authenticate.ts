import type { Principal } from '../../auth/principal.ts';
import { isRefusal, refusal } from '../../protocol/errors.ts';
import type { AuthenticateFrame } from '../../protocol/frames.ts';
import { looksLikePattern } from '../../protocol/topic.ts';
import type { Connection } from '../connection.ts';
import { statusFrame } from '../replies.ts';
import { endPatterns, endSubscription } from '../subscriptions.ts';

/** `Authenticate` swaps the claims of a live connection; user and tenant never change, and a failure changes nothing. */
export function authenticate(connection: Connection, frame: AuthenticateFrame): void {
  connection.cell.suspend();
  connection.context.verify(frame.token, (answer) => {
    connection.cell.answer(() => {
      if (isRefusal(answer)) connection.refuse(frame, answer);
      else swapClaims(connection, frame, answer);
      connection.cell.resume();
    }, frame);
  });
}

function swapClaims(connection: Connection, frame: AuthenticateFrame, claims: Principal): void {
  const { principal } = connection;
  if (claims.user !== principal.user || claims.tenant !== principal.tenant) {
    connection.refuse(frame, refusal('not_allowed', 'expected a token of the same user and tenant'));
    return connection.close('forbidden', 'a token of another user was presented');
  }
  connection.principal = claims;
  connection.wasWarned = false;
  const ended = endForbidden(connection);
  const expiresAt = Number.isFinite(claims.expiresAt) ? claims.expiresAt : null;
  connection.reply(frame, statusFrame('authenticated', { expires_at: expiresAt, unsubscribed: ended }));
}

/** Ends the subscriptions that the new claims no longer allow. Returns their names. */
function endForbidden(connection: Connection): string[] {
  const { principal, context } = connection;
  const allowed = (name: string): boolean => context.rights.allows(principal, 'subscribe', name);
  const topics = connection.subscriptions.filter(({ isExplicit, topic }) => isExplicit && !allowed(topic.clientName));
  const patterns = (connection.patterns ?? []).filter((pattern) => looksLikePattern(pattern) && !allowed(pattern));
  for (const subscription of topics) endSubscription(connection, subscription);
  endPatterns(connection, patterns);
  return [...topics.map(({ topic }) => topic.clientName), ...patterns];
}

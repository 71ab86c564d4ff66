import type { Principal } from '../../auth/principal.ts';
import { isRefusal, refusal } from '../../protocol/errors.ts';
import type { AuthenticateFrame } from '../../protocol/frames.ts';
import type { Connection } from '../connection.ts';
import { isGranted } from '../granted.ts';
import { recheck, recheckMembers } from '../recheck.ts';
import { statusFrame } from '../replies.ts';
import { closeServed, serveOut } from '../serve-out.ts';

/** `Authenticate` swaps the claims of a live connection; user and tenant never change, and a failure changes nothing. */
export function authenticate(connection: Connection, frame: AuthenticateFrame): void {
  connection.cell.suspend();
  connection.context.verify(frame.token, (answer) => {
    connection.cell.answer(() => {
      if (!isRefusal(answer)) return swapClaims(connection, frame, answer);
      connection.refuse(frame, answer);
      connection.cell.resume();
    }, frame);
  });
}

/** Subscriptions that the new claims no longer allow end before the answer, which lists them. */
function swapClaims(connection: Connection, frame: AuthenticateFrame, claims: Principal): void {
  const { principal } = connection;
  if (claims.user !== principal.user || claims.tenant !== principal.tenant) {
    connection.refuse(frame, refusal('not_allowed', 'expected a token of the same user and tenant'));
    return closeServed(connection, 'forbidden', 'a token of another user was presented');
  }
  serveOut(connection);
  connection.present(claims);
  recheckMembers(connection, () => true);
  recheck(
    connection,
    (name) => !isGranted(connection, name),
    frame,
    (ended) => {
      const expiresAt = Number.isFinite(claims.expiresAt) ? claims.expiresAt : null;
      connection.reply(frame, statusFrame('authenticated', { expires_at: expiresAt, unsubscribed: [...ended.keys()] }));
      connection.cell.resume();
    },
  );
}

/**
 * What happens to a connection as time passes. The node calls {@link beat} for every connection about once a second.
 * Deadlines are counted in beats: while the event loop is blocked there are none, so that clients are never cut off for
 * the server's own stall. And no connection has a timer, which could outlive it.
 */
import type { Refusal } from '../protocol/errors.ts';
import type { Connection } from './connection.ts';
import { noteSentPing } from './ping-times.ts';
import { closeServed } from './serve-out.ts';
import { saveSession } from './sessions.ts';
import { answersPings } from './transport.ts';

/** Share of a token's lifetime after which its holder is warned. */
const WARN_AT = 0.8;
/** The ages at which streams of events end lie in the last share of what is allowed. */
const ROTATION_SPREAD = 0.2;
/** Multiples of it are spread evenly (Weyl's sequence). */
const GOLDEN_RATIO = 0.618_033_988_75;

export function beat(connection: Connection): void {
  const { transport, context, lifecycle } = connection;
  const { limits, node } = context;
  if (transport === null) return;
  if (lifecycle === 'closing') {
    if (node.beat - connection.seenBeat >= limits.closeTimeoutBeats) transport.terminate();
    return;
  }
  if (!answersPings(connection.over)) {
    if (isOld(connection))
      return closeServed(connection, 'rotated', 'open the next stream at the positions that you have');
  } else if (node.beat - connection.seenBeat >= limits.clientTimeoutBeats) {
    return connection.close('no_heartbeat', `nothing received for ${limits.clientTimeoutBeats} s`);
  }
  if (isStalled(connection)) return connection.close('stalled', `nothing read for ${limits.stallTimeoutBeats} s`);
  if (!checkToken(connection)) return;
  const every = answersPings(connection.over) ? limits.heartbeatBeats : limits.streamHeartbeatBeats;
  if ((node.beat + connection.number) % every === 0) sendPing(connection);
  if (connection.sessionDueBeat !== -1 && node.beat >= connection.sessionDueBeat) saveSession(connection);
  // A log that could not be read before may be readable now.
  if (connection.lagging !== null || connection.missed !== null) connection.scheduleRead();
}

/** Each stream of events has an age of its own, so that those that began together do not come back together. */
function isOld({ over, number, openedBeat, context: { limits, node } }: Connection): boolean {
  if (over !== 'sse') return false;
  const share = 1 - ROTATION_SPREAD * ((number * GOLDEN_RATIO) % 1);
  return node.beat - openedBeat >= limits.streamBeats * share;
}

function isStalled({ transport, context, progress }: Connection): boolean {
  if (progress === null || transport === null) return false;
  const buffered = transport.buffered();
  if (buffered < progress.buffered) progress.beat = context.node.beat;
  progress.buffered = buffered;
  return context.node.beat - progress.beat >= context.limits.stallTimeoutBeats;
}

function checkToken(connection: Connection): boolean {
  const { principal, context } = connection;
  const revoked = context.revoked(principal);
  if (revoked !== null) {
    // A new token would not help a user whose tenant is not served.
    if (isOfTenant(revoked)) closeServed(connection, 'forbidden', revoked.message);
    else closeServed(connection, 'token_revoked', 'the token was revoked: sign in again');
    return false;
  }
  if (principal.expiresAt === Infinity) return true;
  const now = context.clock.now();
  if (now >= principal.expiresAt + context.limits.leewayMs) {
    closeServed(connection, 'token_expired', 'the token has expired: get a new one');
    return false;
  }
  const warnAt = principal.issuedAt + (principal.expiresAt - principal.issuedAt) * WARN_AT;
  if (!connection.wasWarned && now >= warnAt) {
    connection.wasWarned = true;
    connection.send({
      type: 'AuthStatus',
      data: { status: 'token_expiring', expires_at: principal.expiresAt, refresh_required: true },
    });
  }
  return true;
}

function isOfTenant({ reason }: Refusal): boolean {
  return reason === 'tenant_suspended' || reason === 'tenant_not_found';
}

function sendPing(connection: Connection): void {
  const { transport, context } = connection;
  // Behind a blocked socket pings would only pile up: what the client reads shows whether it lives.
  if (connection.isBlocked || transport === null) return;
  // Nothing answers where a client only listens.
  if (answersPings(connection.over)) noteSentPing(connection);
  transport.ping();
  if (connection.framePings) connection.send({ type: 'Ping', data: { timestamp: context.clock.now() } });
}

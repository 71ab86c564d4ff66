/** Checks the tokens of simulated clients: all are signed with one secret, and none expires by surprise. */
import { Authenticator } from '../auth/authenticator.ts';
import { secretKey } from '../auth/verification-key.ts';
import type { Clock } from '../telemetry/clock.ts';
import { SECRET } from './simulated-token.ts';

export function simulatedAuthenticator(clock: Clock): Authenticator {
  return new Authenticator(
    {
      keys: [secretKey('jwt_secret', Buffer.from(SECRET))],
      algorithms: ['HS256'],
      issuer: undefined,
      audience: undefined,
      leewaySecs: 0,
      requireExpiry: false,
      cacheSize: 10,
    },
    clock,
  );
}

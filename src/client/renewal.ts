/** A new token on the same connection, before the old one ends. */
import type { Environment } from './environment.ts';
import { SignalboxError } from './errors.ts';
import type { Link } from './link.ts';
import type { Requests } from './requests.ts';
import type { Tokens } from './tokens.ts';

export interface Renewal {
  begin(link: Link): void;
  stop(): void;
}

interface Authenticated {
  readonly expires_at?: number | null;
  readonly unsubscribed?: readonly string[];
}

/** Between two requests for a token that failed. */
const PAUSE_MS = 10_000;

/**
 * @param signedOut told when there is nobody to have a token for
 * @param dropped told which topics the new token does not allow
 */
export function makeRenewal(
  environment: Environment,
  tokens: Tokens,
  requests: Requests,
  failed: (error: SignalboxError) => void,
  signedOut: (error: SignalboxError) => void,
  dropped: (topics: readonly string[], error: SignalboxError) => void,
): Renewal {
  let cancel = (): void => {};
  const begin = (link: Link): void => {
    cancel();
    const again = (error: SignalboxError): void => {
      failed(error);
      cancel = environment.after(PAUSE_MS, () => begin(link));
    };
    tokens.ask('expiring', (error, token) => {
      if (error?.reason === 'signed_out') return signedOut(error);
      if (error !== null) return again(error);
      if (!link.isOpen) return;
      const answered = (refusal: SignalboxError | null, details: unknown): void => {
        if (!link.isOpen) return;
        if (refusal !== null) {
          tokens.distrust(true);
          return again(refusal);
        }
        const { expires_at: expiresAt, unsubscribed = [] } = (details ?? {}) as Authenticated;
        tokens.accepted(expiresAt);
        dropped(unsubscribed, new SignalboxError('not_allowed', 'the token does not allow it', { code: 403 }));
      };
      requests.ask('Authenticate', { token }, answered, link);
    });
  };
  return { begin, stop: () => cancel() };
}

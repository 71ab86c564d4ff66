/** Where the connection stands, as the application sees it. */
import type { Transport } from './environment.ts';
import type { SignalboxError } from './errors.ts';

export type SuspendCause = 'hidden' | 'bfcache' | 'paused';

export type ConnectionState =
  /** Nothing was asked for yet. */
  | { readonly status: 'idle' }
  | { readonly status: 'connecting'; readonly attempt: number }
  | {
      readonly status: 'connected';
      readonly connectionId: string;
      readonly node: string;
      readonly features: readonly string[];
      readonly transport: Transport;
      /** The node shuts down, and the client moves to another one meanwhile. */
      readonly isDraining: boolean;
    }
  /** It will try again by itself. */
  | { readonly status: 'waiting'; readonly retryAt: number; readonly attempt: number; readonly cause: number }
  /** It will try again when the page is looked at, or is told to. */
  | { readonly status: 'suspended'; readonly cause: SuspendCause }
  /** The end, by `close()` or `signOut()` or because the server said never to come back: `error` then says why. */
  | { readonly status: 'closed'; readonly error?: SignalboxError };

/** What the first digits of a close code ask for (docs/protocol.md, "Close codes"): an old client handles a new code. */
export type Verdict = 'stop' | 'wait' | 'now' | 'renew';

const BY_HUNDRED: Readonly<Record<number, Verdict>> = { 40: 'stop', 42: 'now', 43: 'renew' };

export function verdictOf(code: number): Verdict {
  return BY_HUNDRED[Math.floor(code / 100)] ?? 'wait';
}

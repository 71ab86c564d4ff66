/** An attempt at a connection: its token, its URL, its socket. */
import type { Environment } from './environment.ts';
import { faultOf, SignalboxError } from './errors.ts';
import type { Link, LinkEvents } from './link.ts';
import { askText } from './text-source.ts';
import type { Tokens } from './tokens.ts';

export type UrlSource = string | (() => string | Promise<string>);

/** The owner of the attempt. */
interface Caller extends LinkEvents {
  /** Whether the attempt is still of interest. */
  holds(link: Link): boolean;
  /** It came to nothing, and may be made again. */
  missed(link: Link, error: SignalboxError): void;
  close(error: SignalboxError): void;
}

/** From the start of a socket to its first frame. */
const GREETING_MS = 10_000;

export function dial(link: Link, url: UrlSource, tokens: Tokens, environment: Environment, caller: Caller): void {
  const open = (text: string, token: string | undefined): void => {
    link.cancelDeadline();
    // Refusals as close codes, because a browser sees nothing of an HTTP answer; heartbeats that a script can see.
    const query = 'refuse=close&heartbeat=frame';
    try {
      link.open(`${text}${text.includes('?') ? '&' : '?'}${query}`, token, caller);
    } catch {
      // The error that was thrown may quote the token.
      return caller.close(new SignalboxError('invalid_url', 'expected a URL like wss://a.b/ws and a token'));
    }
    link.cancelDeadline = environment.after(GREETING_MS, () => caller.ended(link, 1006));
  };
  tokens.forSocket((error, token) => {
    if (!caller.holds(link)) return;
    if (error?.reason === 'signed_out') return caller.close(error);
    if (error !== null) return caller.missed(link, error);
    if (typeof url !== 'function') return open(url, token);
    const abort = new AbortController();
    link.cancelDeadline = () => abort.abort();
    askText(url, environment, GREETING_MS, abort, (text, cause) => {
      if (text === undefined) caller.missed(link, faultOf('invalid_url', 'the url function failed', cause));
      else open(text, token);
    });
  });
}

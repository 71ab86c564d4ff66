/** A new token on the same connection, before the old one ends. */
import type { Environment } from './environment.ts';
import { SignalboxError } from './errors.ts';
import type { Link } from './link.ts';
import type { Requests } from './requests.ts';
import type { Tokens } from './tokens.ts';

interface RenewalEvents {
  failed(error: SignalboxError): void;
  /** There is nobody to have a token for. */
  signedOut(error: SignalboxError): void;
  /** The new token does not allow these topics. */
  dropped(topics: readonly string[], error: SignalboxError): void;
}

/** Between two requests for a token that failed. */
const PAUSE_MS = 10_000;

export class Renewal {
  readonly #environment: Environment;
  readonly #tokens: Tokens;
  readonly #requests: Requests;
  readonly #events: RenewalEvents;
  #cancel: () => void = () => {};

  constructor(environment: Environment, tokens: Tokens, requests: Requests, events: RenewalEvents) {
    this.#environment = environment;
    this.#tokens = tokens;
    this.#requests = requests;
    this.#events = events;
  }

  stop(): void {
    this.#cancel();
  }

  begin(link: Link): void {
    this.#cancel();
    const again = (error: SignalboxError): void => {
      this.#events.failed(error);
      this.#cancel = this.#environment.after(PAUSE_MS, () => this.begin(link));
    };
    this.#tokens.ask('expiring', (error, token) => {
      if (error?.reason === 'signed_out') return this.#events.signedOut(error);
      if (error !== null) return again(error);
      if (!link.isOpen) return;
      this.#requests.ask(link, 'Authenticate', { token }, (refusal, frame) => {
        if (refusal?.reason === 'offline') return;
        if (refusal !== null) {
          this.#tokens.distrust(true);
          return again(refusal);
        }
        const details = (frame?.data.details ?? {}) as {
          readonly expires_at?: number | null;
          readonly unsubscribed?: readonly string[];
        };
        this.#tokens.accepted(details.expires_at);
        const reason = new SignalboxError('not_allowed', 'the new token does not allow it', { code: 403 });
        this.#events.dropped(details.unsubscribed ?? [], reason);
      });
    });
  }
}

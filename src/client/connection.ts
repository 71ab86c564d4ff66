/**
 * The state machine that owns the socket. There is one, or two while one replaces the other; what comes of a third that
 * was let go is not listened to.
 */
import type { ConnectedDetails, ServerFrame } from '../protocol/wire.ts';
import { BackOff, type BackOffOptions } from './back-off.ts';
import type { ClientCodec } from './codec.ts';
import { verdictOf, type ConnectionState, type SuspendCause } from './connection-state.ts';
import { dial, type UrlSource } from './dial.ts';
import type { Environment } from './environment.ts';
import { refused, SignalboxError } from './errors.ts';
import { Link, type LinkEvents } from './link.ts';
import { Pulse } from './pulse.ts';
import type { Tokens } from './tokens.ts';

export interface ConnectionOptions {
  readonly url: UrlSource;
  readonly backoff?: BackOffOptions | undefined;
}

/** What stands behind the connection: topics, the queue, requests. */
export interface ConnectionListener {
  greeted(link: Link, greeting: ConnectedDetails): void;
  frame(link: Link, frame: ServerFrame, size: number): void;
  /** The other one is the connection from now on. */
  moved(link: Link): void;
  /** Requests that are unanswered on it stay unanswered. */
  lost(link: Link): void;
  changed(state: ConnectionState): void;
  failed(error: SignalboxError): void;
}

/** A connection that lived so long was a good one. */
const GOOD_LIFE_MS = 30_000;
/** Hidden pages do not come back for ever. */
const HIDDEN_MS = 300_000;

export class Connection implements LinkEvents {
  state: ConnectionState = { status: 'idle' };
  /** The connection, or the attempt at one. */
  main: Link | null = null;
  /** What replaces it. */
  #spare: Link | null = null;
  readonly #backOff: BackOff;
  readonly #options: ConnectionOptions;
  readonly #codec: ClientCodec;
  readonly #tokens: Tokens;
  readonly #environment: Environment;
  readonly #listener: ConnectionListener;
  readonly #pulse: Pulse;
  #cancelRetry: () => void = () => {};
  #cancelMove: () => void = () => {};
  /** When the server wants it to come back, by the monotonic clock. */
  #returnAt: number | null = null;
  /** Whether the last close asked for a new token, or to come at once: twice in a row waits. */
  #wasHurried = false;
  #hiddenSince: number | null = null;

  constructor(
    options: ConnectionOptions,
    codec: ClientCodec,
    tokens: Tokens,
    environment: Environment,
    listener: ConnectionListener,
  ) {
    this.#options = options;
    this.#codec = codec;
    this.#tokens = tokens;
    this.#environment = environment;
    this.#listener = listener;
    this.#backOff = new BackOff(() => environment.random(), options.backoff);
    this.#pulse = new Pulse(
      environment,
      () => this.main,
      () => this.woke(true),
      (link) => this.ended(link, 1006),
    );
  }

  /** At the first topic or publish, and whatever it waits for. */
  retryNow(): void {
    const { status } = this.state;
    if (status === 'waiting' || status === 'suspended' || status === 'idle') this.#connect();
  }

  suspend(cause: SuspendCause): void {
    if (this.state.status === 'closed' || this.state.status === 'idle') return;
    this.#drop();
    this.#become({ status: 'suspended', cause });
  }

  close(error?: SignalboxError): void {
    if (this.state.status === 'closed') return;
    // First the word, so that what the loss of the link leads to finds everything closed.
    this.state = error === undefined ? { status: 'closed' } : { status: 'closed', error };
    this.#drop();
    this.#pulse.stop();
    this.#listener.changed(this.state);
  }

  // What happens around it

  hidden(): void {
    this.#hiddenSince ??= this.#environment.elapsed();
  }

  /** @param hasSlept time has passed in which nothing ran: the token may have ended meanwhile */
  woke(hasSlept: boolean): void {
    const { state } = this;
    if (hasSlept) this.#tokens.distrust(false);
    if (state.status === 'connected') this.probe();
    else if (state.status === 'waiting' || (state.status === 'suspended' && state.cause !== 'paused')) this.#connect();
  }

  visible(hasSlept: boolean): void {
    this.#hiddenSince = null;
    this.woke(hasSlept);
  }

  /** The network is said to be back, to everybody here at the same moment, and often too early: the back-off is kept. */
  online(): void {
    if (this.state.status === 'waiting') this.#retryIn(this.#environment.random() * 1_000, 1006);
    else this.probe();
  }

  probe(): void {
    this.#pulse.probe();
  }

  // What the server says

  draining(link: Link, reconnectAfterMs: number): void {
    if (link !== this.main) return;
    // From receipt. The delay is this client's own, so nothing is drawn on top.
    this.#returnAt = this.#environment.elapsed() + reconnectAfterMs;
    this.#announce(link, true);
    this.#cancelMove();
    this.#cancelMove = this.#environment.after(reconnectAfterMs, () => this.better());
  }

  /** Everything that the old connection brought is asked for on this one. */
  settled(link: Link): void {
    if (link !== this.#spare || link.greeting === null) return;
    const old = this.main;
    this.main = link;
    this.#spare = null;
    this.#returnAt = null;
    // It may have been told twice to go.
    this.#cancelMove();
    this.#listener.moved(link);
    if (old !== null) this.#letGo(old);
    this.#announce(link, false);
  }

  frame(link: Link, frame: ServerFrame, size: number): void {
    if (!this.holds(link)) return;
    const { data } = frame;
    if (frame.type === 'Status' && data.status === 'connected')
      return this.#greeted(link, data.details as unknown as ConnectedDetails);
    if (frame.type === 'Error' && frame.reply_to === undefined) link.lastError = data;
    this.#listener.frame(link, frame, size);
  }

  ended(link: Link, code: number): void {
    if (!this.holds(link)) return;
    if (link.greeting !== null && this.#environment.elapsed() - link.greetedAt >= GOOD_LIFE_MS)
      this.#backOff.attempt = 0;
    if (verdictOf(code) === 'renew') this.#tokens.distrust(true);
    if (link === this.#spare) {
      this.#spare = null;
      this.#letGo(link);
      // The old one serves meanwhile. It may have been told again to go; if it was not told at all, it stays.
      this.#cancelMove();
      if (this.state.status !== 'connected' || !this.state.isDraining) return;
      this.#cancelMove = this.#environment.after(this.#backOff.draw(link.lastError?.retry_after_ms), () =>
        this.better(),
      );
      return;
    }
    this.main = this.#spare;
    this.#spare = null;
    this.#cancelMove();
    this.#letGo(link);
    if (this.main === null) return this.#decide(link, code);
    if (this.main.greeting === null) this.#become({ status: 'connecting', attempt: this.#backOff.attempt });
    else {
      this.#listener.moved(this.main);
      this.#announce(this.main, false);
    }
  }

  holds(link: Link): boolean {
    return link === this.main || link === this.#spare;
  }

  missed(link: Link, error: SignalboxError): void {
    this.#listener.failed(error);
    this.ended(link, 1006);
  }

  #greeted(link: Link, greeting: ConnectedDetails): void {
    link.greeting = greeting;
    link.cancelDeadline();
    link.greetedAt = this.#environment.elapsed();
    this.#wasHurried = false;
    this.#tokens.known(greeting.token_expires_at, greeting.server_time);
    if (link === this.main) {
      this.#returnAt = null;
      this.#announce(link, false);
      this.#pulse.start(greeting.heartbeat_interval_ms);
    }
    this.#listener.greeted(link, greeting);
  }

  /** What a close code asks for: its hundred says it, also of codes that are not known yet. */
  #decide(link: Link, code: number): void {
    const { lastError } = link;
    const verdict = verdictOf(code);
    const error =
      lastError === null
        ? new SignalboxError('closed', `the connection ended with ${code}`, { code })
        : refused(lastError);
    if (verdict === 'stop') return this.close(error);
    if (verdict === 'renew' && !this.#tokens.canRenew) return this.close(error);
    if ((verdict === 'renew' || verdict === 'now') && !this.#wasHurried) {
      this.#wasHurried = true;
      return this.#connect();
    }
    if (code === 1002 || code === 1007 || verdict === 'renew') this.#listener.failed(error);
    const returnAt = this.#returnAt;
    this.#returnAt = null;
    if (returnAt !== null) return this.#retryIn(Math.max(0, returnAt - this.#environment.elapsed()), code);
    this.#retryIn(this.#backOff.draw(lastError?.retry_after_ms), code);
  }

  #retryIn(delay: number, cause: number): void {
    this.#cancelRetry();
    const retryAt = this.#environment.now() + delay;
    this.#cancelRetry = this.#environment.after(delay, () => {
      const since = this.#hiddenSince;
      if (since !== null && this.#environment.elapsed() - since > HIDDEN_MS) this.suspend('hidden');
      else this.#connect();
    });
    this.#become({ status: 'waiting', retryAt, attempt: this.#backOff.attempt, cause });
  }

  #connect(): void {
    this.#cancelRetry();
    const link = new Link(this.#codec, this.#environment);
    this.main = link;
    this.#become({ status: 'connecting', attempt: this.#backOff.attempt });
    this.#dial(link);
  }

  /** Beside the one that is still there. */
  better(): void {
    if (this.main === null || this.#spare !== null) return;
    const link = new Link(this.#codec, this.#environment);
    this.#spare = link;
    this.#dial(link);
  }

  #dial(link: Link): void {
    dial(link, this.#options.url, this.#tokens, this.#environment, this);
  }

  #announce(link: Link, isDraining: boolean): void {
    if (link.greeting === null) return;
    const { connection_id: connectionId, node, features } = link.greeting;
    this.#become({ status: 'connected', connectionId, node, features, transport: link.transport, isDraining });
  }

  #drop(): void {
    this.#cancelRetry();
    this.#cancelMove();
    this.#tokens.stop();
    const links = [this.main, this.#spare];
    this.main = null;
    this.#spare = null;
    for (const link of links) if (link !== null) this.#letGo(link);
  }

  #letGo(link: Link): void {
    link.release();
    this.#listener.lost(link);
  }

  #become(state: ConnectionState): void {
    if (this.state.status === 'closed') return;
    this.state = state;
    this.#listener.changed(state);
  }
}

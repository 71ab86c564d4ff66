/**
 * A connection that lasts for one answer: what it is sent is collected, and it ends when that is enough. Until then it is
 * one like all others: its client may go, an operator may close it, its token may expire.
 */
import type { Connection } from '../connection/connection.ts';
import type { Transport } from '../connection/transport.ts';
import type { HttpResponse } from '../node/route.ts';
import { CLOSE_CODES, type CloseReason } from '../protocol/close-codes.ts';
import type { Payload } from '../protocol/codec.ts';
import type { Reason } from '../protocol/errors.ts';
import { refusal } from '../protocol/errors.ts';
import type { Accepted } from '../node/admission.ts';
import { refused } from './arrival.ts';

const BY_CLOSE: Partial<Record<CloseReason, Reason>> = {
  token_expired: 'token_expired',
  token_revoked: 'token_revoked',
  too_many_errors: 'malformed',
  rate_limited: 'rate_limited',
};

export abstract class BriefAnswer implements Transport {
  protected connection: Connection | null = null;
  private readonly admission: Accepted;
  private answered: ((response: HttpResponse) => void) | null = null;
  private isGone = false;

  constructor(admission: Accepted) {
    this.admission = admission;
  }

  /** Opens the connection. `answered` is told once, unless the client has gone; no promise, as the simulator orders no microtasks. */
  start(answered: (response: HttpResponse) => void): void {
    this.answered = answered;
    this.connection = this.admission.open(this, null);
    this.begin(this.connection);
  }

  /** The client has gone, perhaps before anything began. */
  abandon(): void {
    if (this.isGone) return;
    this.isGone = true;
    this.answered = null;
    if (this.connection === null) this.admission.abandon();
    else this.over(1006);
  }

  /** Does what the request is for. */
  protected abstract begin(connection: Connection): void;

  /** Whatever the connection would write. */
  abstract send(payload: Payload): void;

  /** What there is when the connection is closed before all is there, or `null` for a refusal. */
  protected abstract partial(problem: ReturnType<typeof refusal>): HttpResponse | null;

  cork(work: () => void): void {
    work();
  }

  buffered(): number {
    return 0;
  }

  ping(): void {}

  close(reason: CloseReason, text: string): void {
    if (this.answered !== null) {
      const problem = refusal(BY_CLOSE[reason] ?? 'not_admitting', text);
      this.answer(this.partial(problem) ?? refused(problem));
    }
    this.over(CLOSE_CODES[reason].code);
  }

  terminate(): void {
    this.close('disconnected', 'the connection was cut: ask again');
  }

  /** Answers and ends the connection; only the first answer counts. */
  protected finish(response: HttpResponse): void {
    this.answer(response);
    this.connection?.close('normal', 'answered');
  }

  private answer(response: HttpResponse): void {
    const { answered } = this;
    this.answered = null;
    answered?.({ ...response, headers: { 'cache-control': 'no-store', ...response.headers } });
  }

  private over(code: number): void {
    const { connection } = this;
    this.connection = null;
    this.isGone = true;
    connection?.closed(code);
  }
}

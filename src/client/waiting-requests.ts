/**
 * Requests that wait for a connection. Pages of a log go one at a time, as the server answers them, and again on the next
 * connection. Others are sent once: only their sender knows whether twice is harmless.
 */
import type { Position } from '../protocol/position.ts';
import { SignalboxError } from './errors.ts';
import type { Link } from './link.ts';
import type { Requests } from './requests.ts';

export interface PageRequest {
  readonly topic: string;
  readonly since?: Position | undefined;
  readonly before?: Position | undefined;
  readonly limit: number;
  readonly reverse?: boolean | undefined;
}

/** @param details of the answer, when there is no error */
export type Details = (error: SignalboxError | null, details?: unknown) => void;

interface Waiting {
  readonly type: string;
  readonly data: unknown;
  readonly done: Details;
}

const PAGE = 'History';

export class WaitingRequests {
  #waiting: Waiting[] = [];
  #isReading = false;
  readonly #requests: Requests;
  readonly #link: () => Link | null;

  constructor(requests: Requests, link: () => Link | null) {
    this.#requests = requests;
    this.#link = link;
  }

  page(request: PageRequest, done: Details): void {
    this.ask(PAGE, request, done);
  }

  ask(type: string, data: unknown, done: Details): void {
    this.#waiting.push({ type, data, done });
    this.next();
  }

  next(): void {
    const link = this.#link();
    if (link === null) return;
    for (const each of this.#waiting.splice(0)) {
      const isPage = each.type === PAGE;
      if (isPage && this.#isReading) this.#waiting.push(each);
      else this.#send(link, each, isPage);
    }
  }

  close(error: SignalboxError): void {
    for (const { done } of this.#waiting.splice(0)) done(error);
  }

  #send(link: Link, each: Waiting, isPage: boolean): void {
    if (isPage) this.#isReading = true;
    this.#requests.ask(link, each.type, each.data, (error, frame) => {
      if (isPage) this.#isReading = false;
      const isLost = error?.reason === 'offline';
      if (isPage && isLost) this.#waiting.unshift(each);
      else each.done(isLost ? unknown(error) : error, frame?.data.details);
      this.next();
    });
  }
}

/** A connection that was lost says nothing of what the server has done. */
function unknown(cause: SignalboxError): SignalboxError {
  return new SignalboxError('outcome_unknown', 'the connection was lost before the answer came', { cause });
}

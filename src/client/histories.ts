/** Pages of the log. The server answers one at a time on a connection, so the others wait here. */
import type { Position } from '../protocol/position.ts';
import type { HistoryDetails } from '../protocol/wire.ts';
import type { SignalboxError } from './errors.ts';
import type { Link } from './link.ts';
import type { Requests } from './requests.ts';

export interface PageRequest {
  readonly topic: string;
  readonly since?: Position | undefined;
  readonly before?: Position | undefined;
  readonly limit: number;
  readonly reverse?: boolean | undefined;
}

type PageDone = (error: SignalboxError | null, page?: HistoryDetails) => void;

export class Histories {
  readonly #waiting: { readonly request: PageRequest; readonly done: PageDone }[] = [];
  #isAsking = false;
  readonly #requests: Requests;
  readonly #link: () => Link | null;

  constructor(requests: Requests, link: () => Link | null) {
    this.#requests = requests;
    this.#link = link;
  }

  /** Without a connection it waits for one. */
  page(request: PageRequest, done: PageDone): void {
    this.#waiting.push({ request, done });
    this.next();
  }

  next(): void {
    const link = this.#link();
    const first = this.#waiting[0];
    if (this.#isAsking || link === null || first === undefined) return;
    this.#isAsking = true;
    this.#requests.ask(link, 'History', first.request, (error, frame) => {
      this.#isAsking = false;
      // On the next connection then.
      if (error?.reason !== 'offline') {
        this.#waiting.shift();
        if (error !== null) first.done(error);
        else first.done(null, frame?.data.details as unknown as HistoryDetails);
      }
      this.next();
    });
  }

  close(error: SignalboxError): void {
    for (const { done } of this.#waiting.splice(0)) done(error);
  }
}

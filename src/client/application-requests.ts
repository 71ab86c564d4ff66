/** Frames that an application of the server answers. They wait for a connection, and are sent once: only their sender knows whether twice is harmless. */
import { SignalboxError } from './errors.ts';
import type { Link } from './link.ts';
import type { Requests } from './requests.ts';

interface Waiting {
  readonly type: string;
  readonly data: unknown;
  readonly done: (error: SignalboxError | null, details?: unknown) => void;
}

export class ApplicationRequests {
  #waiting: Waiting[] = [];
  readonly #requests: Requests;
  readonly #link: () => Link | null;

  constructor(requests: Requests, link: () => Link | null) {
    this.#requests = requests;
    this.#link = link;
  }

  ask(type: string, data: unknown): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({
        type,
        data,
        done: (error, details) => (error === null ? resolve(details) : reject(error)),
      });
      this.next();
    });
  }

  next(): void {
    const link = this.#link();
    if (link === null) return;
    for (const { type, data, done } of this.#waiting.splice(0))
      this.#requests.ask(link, type, data, (error, frame) => done(asSent(error), frame?.data.details));
  }

  close(error: SignalboxError): void {
    for (const { done } of this.#waiting.splice(0)) done(error);
  }
}

/** A connection that was lost says nothing of what the application has done. */
function asSent(error: SignalboxError | null): SignalboxError | null {
  if (error?.reason !== 'offline') return error;
  return new SignalboxError('outcome_unknown', 'the connection was lost before the application had answered', {
    cause: error,
  });
}

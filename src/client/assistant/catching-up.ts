/** Asks for the text so far where something of it is missing: one request at a time, and less often the longer it stays missing. */
import { draw } from '../back-off.ts';
import type { Client } from '../client.ts';
import { isSignalboxError } from '../errors.ts';
import type { Current } from './wire.ts';

/** Between two requests: the server tells all readers once in a while. */
const FIRST_MS = 200;
const LONGEST_MS = 5_000;

export class CatchingUp {
  readonly #client: Client;
  readonly #session: string;
  readonly #told: (current: Current) => void;
  readonly #isBehind: () => boolean;
  #isWanted = false;
  #isBusy = false;

  constructor(client: Client, session: string, told: (current: Current) => void, isBehind: () => boolean) {
    this.#client = client;
    this.#session = session;
    this.#told = told;
    this.#isBehind = isBehind;
  }

  want(): void {
    this.#isWanted = true;
    if (!this.#isBusy) void this.#ask();
  }

  /** Nobody reads any more: it asks no further. */
  stop(): void {
    this.#isWanted = false;
  }

  async #ask(): Promise<void> {
    this.#isBusy = true;
    const { environment } = this.#client;
    let refusals = 0;
    let longer = 0;
    while (this.#isWanted) {
      this.#isWanted = false;
      let wait = Math.min(LONGEST_MS, FIRST_MS * 2 ** longer);
      try {
        this.#told((await this.#client.request('X-AssistantCurrent', { session: this.#session })) as Current);
        refusals = 0;
      } catch (error) {
        // A session that is refused for good is so as a conversation, too, which says it.
        if (!isSignalboxError(error) || !(error.temporary || error.reason === 'outcome_unknown')) break;
        this.#isWanted = true;
        wait = (error.retryAfterMs ?? 0) + draw(() => environment.random(), refusals);
        refusals += 1;
      }
      await new Promise<void>((resolve) => {
        environment.after(wait, resolve);
      });
      longer = this.#isBehind() ? longer + 1 : 0;
      if (longer > 0) this.#isWanted = true;
    }
    this.#isBusy = false;
  }
}

/** A position that is told to the server: the newest one, one request at a time, until it has arrived. */
import { draw } from '../back-off.ts';
import type { Client } from '../client.ts';
import { isSignalboxError } from '../errors.ts';

/** Positions of one breath are one request. */
const GATHER_MS = 200;

type Frame = 'X-ConversationRead' | 'X-ConversationDelivered';

export class Telling {
  readonly #client: Client;
  readonly #type: Frame;
  readonly #conversation: string;
  #to = 0;
  #told = 0;
  #isBusy = false;

  constructor(client: Client, type: Frame, conversation: string) {
    this.#client = client;
    this.#type = type;
    this.#conversation = conversation;
  }

  say(to: number): void {
    this.#to = Math.max(this.#to, to);
    if (!this.#isBusy && this.#to > this.#told) void this.#tell();
  }

  async #tell(): Promise<void> {
    this.#isBusy = true;
    await this.#pause(GATHER_MS);
    for (let refusals = 0; this.#told < this.#to; refusals += 1) {
      const to = this.#to;
      try {
        await this.#client.request(this.#type, { conversation: this.#conversation, to });
        this.#told = to;
        refusals = 0;
      } catch (error) {
        const isLater = isSignalboxError(error) && (error.temporary || error.reason === 'outcome_unknown');
        if (!isLater || this.#client.state.status === 'closed') break;
        await this.#pause(error.retryAfterMs ?? draw(() => this.#client.environment.random(), refusals));
      }
    }
    this.#isBusy = false;
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#client.environment.after(ms, resolve);
    });
  }
}

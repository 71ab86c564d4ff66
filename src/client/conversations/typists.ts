/** Users that type, until when; and one's own typing, told no more often than it has to be. */
import type { Client } from '../client.ts';

const STOPS_AFTER_MS = 4_000;

export class Typists {
  readonly #client: Client;
  readonly #changed: () => void;
  readonly #ends = new Map<string, () => void>();

  constructor(client: Client, changed: () => void) {
    this.#client = client;
    this.#changed = changed;
  }

  get users(): readonly string[] {
    return [...this.#ends.keys()];
  }

  types(user: string, until: number): void {
    this.#ends.get(user)?.();
    // As the server's clock has it: one whose process has ended does not type for ever.
    this.#ends.set(
      user,
      this.#client.environment.after(until - this.#client.serverTime, () => this.stops(user)),
    );
    this.#changed();
  }

  stops(user: string): void {
    this.#ends.get(user)?.();
    if (this.#ends.delete(user)) this.#changed();
  }

  clear(): void {
    for (const cancel of this.#ends.values()) cancel();
    this.#ends.clear();
  }
}

/** One's own typing: told at the first key, again half-way to the end of what was told, and ended when no key comes. */
export class OwnTyping {
  readonly #client: Client;
  readonly #conversation: string;
  #isTold = false;
  /** By the clock that no page moves. */
  #againAt = 0;
  #cancel: () => void = () => {};

  constructor(client: Client, conversation: string) {
    this.#client = client;
    this.#conversation = conversation;
  }

  types(): void {
    const { environment } = this.#client;
    this.#cancel();
    this.#cancel = environment.after(STOPS_AFTER_MS, () => this.stops());
    if (this.#isTold && environment.elapsed() < this.#againAt) return;
    this.#isTold = true;
    this.#againAt = environment.elapsed() + STOPS_AFTER_MS / 2;
    this.#tell(true);
  }

  stops(): void {
    this.#cancel();
    if (!this.#isTold) return;
    this.#isTold = false;
    this.#tell(false);
  }

  /** Worth nothing later: without a connection it is not told. */
  #tell(isTyping: boolean): void {
    if (this.#client.state.status !== 'connected') return;
    this.#client.request('X-ConversationTyping', { conversation: this.#conversation, isTyping }).catch(() => {});
  }
}

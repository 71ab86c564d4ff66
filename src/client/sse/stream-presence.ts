/** Where the client is present: each stream is opened with the whole list, and answers for each place in it. */
import type { WireError } from '../../protocol/wire.ts';

/** `data` of a `Presence`. */
export interface Said {
  readonly topic?: string;
  readonly action?: string;
  readonly data?: object | undefined;
}

/** What a stream was opened with. */
export interface Presences {
  readonly list: readonly Said[];
  /** Frames that wait for the answer to a topic of it. */
  readonly asked: ReadonlyMap<string, readonly string[]>;
}

const MAX_TOPICS = 50;

export class StreamPresence {
  readonly #topics = new Map<string, Said>();
  #asked = new Map<string, string[]>();

  /** @returns why not; `undefined` when the next stream says it; `null` when there is nothing to wait for */
  say(id: string, { topic = '', action, data }: Said): WireError | null | undefined {
    if (action === 'leave') {
      this.#topics.delete(topic);
      return null;
    }
    const isThere = this.#topics.has(topic);
    if (action === 'update' && !isThere) return problem(404, 'not_found', 'expected to be in the topic: enter first');
    if (!isThere && this.#topics.size >= MAX_TOPICS)
      return problem(429, 'topic_limit', `expected at most ${MAX_TOPICS} topics without WebSocket`);
    this.#topics.set(topic, { topic, data });
    this.#asked.set(topic, [...(this.#asked.get(topic) ?? []), id]);
    return undefined;
  }

  /** For the next stream. */
  take(): Presences {
    const asked = this.#asked;
    this.#asked = new Map();
    return { list: [...this.#topics.values()], asked };
  }

  /** @returns the frames that this answers; `null` when it is no answer to an entry of the list */
  answered({ list, asked }: Presences, replyTo = '', isRefused: boolean): readonly string[] | null {
    const [, at] = /^presence-(\d+)$/.exec(replyTo) ?? [];
    const said = at === undefined ? undefined : list[Number(at)];
    if (said === undefined) return null;
    if (isRefused) this.#withdraw(said);
    return asked.get(said.topic ?? '') ?? [];
  }

  /** The stream could not be had: what was new in its list is not asked for again. @returns the frames that wait for it */
  givenUp({ list, asked }: Presences): readonly string[] {
    for (const said of list) if (asked.has(said.topic ?? '')) this.#withdraw(said);
    return [...asked.values()].flat();
  }

  /** Unless something newer was said meanwhile, which the next stream asks for. */
  #withdraw(said: Said): void {
    const { topic = '' } = said;
    if (this.#topics.get(topic) === said) this.#topics.delete(topic);
  }
}

function problem(code: number, reason: string, message: string): WireError {
  return { code, reason, message, temporary: false };
}

/** The way up: frames by `POST /frames`, one request at a time, so that their order is kept. */
import type { Place } from './place.ts';

interface UplinkEvents {
  /** Answers, as the text of an array of frames. */
  answered(ids: readonly string[], text: string): void;
  /** Nothing of it was done. */
  refused(ids: readonly string[], status: number, text: string, retryAfterMs: number): void;
}

/** As many as one request may hold. */
const MAX_FRAMES = 100;

export class Uplink {
  /** Bytes of a request, at most. */
  maxSize = 65_536;
  readonly #waiting: { readonly id: string; readonly text: string }[] = [];
  #cancel: (() => void) | null = null;
  readonly #place: Place;
  readonly #events: UplinkEvents;

  constructor(place: Place, events: UplinkEvents) {
    this.#place = place;
    this.#events = events;
  }

  push(id: string, text: string): void {
    this.#waiting.push({ id, text });
    // Frames of the same breath go together.
    this.#cancel ??= this.#place.environment.after(0, () => this.#send());
  }

  close(): void {
    this.#cancel?.();
    this.#waiting.length = 0;
  }

  #send(): void {
    const batch: string[] = [];
    const ids: string[] = [];
    let size = 1;
    for (const { id, text } of this.#waiting) {
      // As many bytes as it can have.
      size += text.length * 3 + 1;
      if (batch.length > 0 && (size > this.maxSize || batch.length === MAX_FRAMES)) break;
      batch.push(text);
      ids.push(id);
    }
    this.#waiting.splice(0, batch.length);
    this.#cancel = this.#place.ask('frames', `[${batch.join()}]`, (status, text, retryAfterMs) => {
      this.#cancel = null;
      if (status === 200) this.#events.answered(ids, text);
      else this.#events.refused(ids, status, text, retryAfterMs);
      if (this.#waiting.length > 0) this.#cancel ??= this.#place.environment.after(0, () => this.#send());
    });
  }
}

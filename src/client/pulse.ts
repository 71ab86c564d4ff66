/** Notices a connection that is dead although its socket says it is open, and a machine that has slept. */
import type { Environment } from './environment.ts';
import type { Link } from './link.ts';

const BEAT_MS = 5_000;
/** So much time between two beats is not a busy machine but one that slept. */
const JUMP_MS = 10_000;
/** What the server's heartbeat may be late. */
const GRACE_MS = 10_000;
const ANSWER_MS = 4_000;

export class Pulse {
  readonly #environment: Environment;
  readonly #link: () => Link | null;
  readonly #woke: () => void;
  readonly #dead: (link: Link) => void;
  #heartbeatMs = 0;
  #beatAt = 0;
  #cancelBeat: (() => void) | null = null;
  #cancelProbe: (() => void) | null = null;

  constructor(environment: Environment, link: () => Link | null, woke: () => void, dead: (link: Link) => void) {
    this.#environment = environment;
    this.#link = link;
    this.#woke = woke;
    this.#dead = dead;
  }

  start(heartbeatMs: number): void {
    this.#heartbeatMs = heartbeatMs;
    this.#cancelBeat?.();
    this.#beat();
  }

  stop(): void {
    this.#cancelBeat?.();
    this.#cancelProbe?.();
    this.#cancelBeat = null;
    this.#cancelProbe = null;
  }

  /** Whatever comes is an answer. */
  probe(isLastChance = false): void {
    const link = this.#link();
    if (this.#cancelProbe !== null || link === null || link.greeting === null) return;
    const environment = this.#environment;
    const sentAt = environment.elapsed();
    if (!isLastChance) link.send({ type: 'Ping', data: { timestamp: environment.now() } });
    const wait = isLastChance ? 1_000 : ANSWER_MS;
    this.#cancelProbe = environment.after(wait, () => {
      this.#cancelProbe = null;
      if (link.heardAt >= sentAt || this.#link() !== link) return;
      // The page was frozen meanwhile, and the answer may lie in the next turn of the event loop.
      if (!isLastChance && environment.elapsed() - sentAt > wait + 1_000) this.probe(true);
      else this.#dead(link);
    });
  }

  #beat(): void {
    const environment = this.#environment;
    this.#beatAt = environment.now();
    this.#cancelBeat = environment.after(BEAT_MS, () => {
      const late = environment.now() - this.#beatAt - BEAT_MS;
      const link = this.#link();
      this.#cancelBeat = null;
      // It begins again with the next greeting.
      if (link === null) return;
      this.#beat();
      if (late > JUMP_MS) this.#woke();
      else if (environment.elapsed() - link.heardAt > this.#heartbeatMs + GRACE_MS) this.probe();
    });
  }
}

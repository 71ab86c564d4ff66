/**
 * What an application knows of callers beside what their tokens say: keys that stand in the place of tokens, and whether a caller
 * is served at all. A server without such an application asks nobody (`null`).
 */
import type { Refusal } from '../protocol/errors.ts';
import type { Principal } from './principal.ts';

/** A caller whose token or key is good. */
export interface CallerFacts {
  readonly principal: Principal;
  /** Of a request; `null` for a connection. */
  readonly method: string | null;
  /** By its lower-case name; `undefined` when absent. Of a connection the server keeps `host` and `origin` alone. */
  readonly header: (name: string) => string | undefined;
}

export interface ApiKeys {
  /** Of every key, and of no JWT. */
  readonly prefix: string;
  /** A header of HTTP that keys may come in, beside `Authorization`; lower case. */
  readonly header: string;
  /** The message for callers with neither a token nor a key. */
  readonly missing: string;
  /** @param reply called once, at once or later */
  readonly verify: (key: string, reply: (answer: Principal | Refusal) => void) => void;
}

export interface Callers {
  readonly keys: ApiKeys | null;
  /** Asked before anything is done for a caller. `null` is a yes. @param reply called once, at once or later */
  readonly admits: ((facts: CallerFacts, reply: (problem: Refusal | null) => void) => void) | null;
  /** Why those who were admitted are served no more, or `null`: asked of every connection about once a second. */
  readonly standing: ((principal: Principal) => Refusal | null) | null;
}

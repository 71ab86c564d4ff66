/** Commands as they are sent, and what comes back. */
import type { Arguments } from './resp.ts';

export type Command = readonly [name: string, ...args: (string | number)[]];

/** A command that may have arguments encoded already. */
export type Sendable = readonly [name: string, ...args: (string | number | Arguments)[]];

/** One result or {@link RedisFailure} for each command. */
export type Results = readonly unknown[];

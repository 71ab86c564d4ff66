import type { Command } from './command-client.ts';

/** Sends a command to every server that takes writes. */
export type AskAll = (command: Command) => Promise<readonly unknown[]>;

/** Nothing that an application or a server does wrong may end the program: each test listens for that. */
import { afterEach, beforeEach, expect } from 'vitest';

const EVENTS = ['unhandledRejection', 'uncaughtException'] as const;

/** Every test of the file fails when something was left unhandled. */
export function nothingUnhandled(): void {
  const told: unknown[] = [];
  const listen = (problem: unknown): number => told.push(problem);
  let others: [string, NodeJS.UnhandledRejectionListener[]][] = [];
  beforeEach(() => {
    told.length = 0;
    // Vitest ends the run for them.
    others = EVENTS.map((event) => [event, process.listeners(event as 'unhandledRejection')]);
    for (const event of EVENTS) {
      process.removeAllListeners(event);
      process.on(event, listen);
    }
  });
  afterEach(async () => {
    // Rejections are told when the turn is over.
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    for (const [event, listeners] of others) {
      process.removeAllListeners(event);
      for (const listener of listeners) process.on(event, listener);
    }
    expect(told).toEqual([]);
  });
}

/** For objects that look like promises. */
export function withMember(name: string, value: unknown): object {
  return Object.fromEntries([[name, value]]);
}

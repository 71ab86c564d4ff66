/** Dialects of applications as the edge carries them: with a deadline, and with failures of the application around them. */
import type { AppDialect, DialectClient } from '../node/app-dialect.ts';
import { isRefusal } from '../protocol/errors.ts';
import type { Called, Calls } from './calls.ts';
import type { Dialect } from './dialect.ts';

/** @param deadlineMs for the decision about a client */
export function appDialect(dialect: Dialect, calls: Calls, deadlineMs: number): AppDialect {
  const { over, path } = dialect;
  const called: Called = { part: 'dialect', name: path, deadlineMs };
  return {
    app: calls.app,
    over,
    path,
    begin: (arrival, decide) =>
      calls.run(
        called,
        () => dialect.begin(arrival),
        (client) => decide(isRefusal(client) ? client : guarded(client, calls, called)),
      ),
    refused: (problem, header) => attempt(calls, called, () => dialect.refused?.(problem, header) ?? null, null),
    told: (problem) => attempt(calls, called, () => dialect.told?.(problem) ?? null, null),
  };
}

/** A throw is a dead letter, and the client stays. */
function guarded(client: DialectClient, calls: Calls, called: Called): DialectClient {
  const { first, isGiven } = client;
  const received: DialectClient['received'] = (message) => {
    try {
      return client.received?.(message) ?? null;
    } catch (error) {
      return { refusal: calls.failed(called, error) };
    }
  };
  return {
    ...(first !== undefined && { first }),
    ...(isGiven !== undefined && { isGiven }),
    received,
    told: (frame) => attempt(calls, called, () => client.told(frame), []),
    ended: (code) => attempt(calls, called, () => client.ended?.(code), undefined),
  };
}

function attempt<T>(calls: Calls, called: Called, work: () => T, otherwise: T): T {
  try {
    return work();
  } catch (error) {
    calls.failed(called, error);
    return otherwise;
  }
}

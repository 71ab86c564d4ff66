/** Frames that must happen once, although a connection may be lost before their answer. */
import { draw } from '../back-off.ts';
import type { Client } from '../client.ts';
import { isSignalboxError, type SignalboxError } from '../errors.ts';
import { compare } from './growing.ts';
import type { AnswerPlace, Current } from './wire.ts';

const MOST_ATTEMPTS = 10;

export interface Asked {
  readonly sequence: number;
  /** It was there before. */
  readonly duplicate: boolean;
}

/** The same key is the same question, however often it is said. Rejects with what the server says to the first try. */
export async function askOnce(client: Client, session: string, content: string, key: string): Promise<Asked> {
  let isUnknown = false;
  for (let attempt = 0; ; attempt += 1)
    try {
      return (await client.request('X-AssistantAsk', { session, content, clientId: key })) as Asked;
    } catch (error) {
      isUnknown ||= isLost(error);
      // A refusal that may pass is a refusal, unless it is of a question that may be there already.
      if (!isUnknown || attempt === MOST_ATTEMPTS || !isSignalboxError(error)) throw error;
      if (!error.temporary && !isLost(error)) throw error;
      await pause(client, (error.retryAfterMs ?? 0) + draw(() => client.environment.random(), attempt));
    }
}

/** @param before the newest answer that is known: a newer one is what was asked for */
export async function againOnce(
  client: Client,
  session: string,
  before: AnswerPlace | undefined,
): Promise<AnswerPlace> {
  for (let attempt = 0; ; attempt += 1)
    try {
      if (attempt > 0) {
        const { answer, last } = (await client.request('X-AssistantCurrent', { session })) as Current;
        const newest = answer ?? last;
        if (newest !== undefined && (before === undefined || compare(newest, before) > 0)) return newest;
      }
      return (await client.request('X-AssistantAgain', { session })) as AnswerPlace;
    } catch (error) {
      if (!isLost(error) || attempt === MOST_ATTEMPTS) throw error;
    }
}

function isLost(error: unknown): error is SignalboxError {
  return isSignalboxError(error) && error.reason === 'outcome_unknown';
}

function pause(client: Client, ms: number): Promise<void> {
  return new Promise((resolve) => {
    client.environment.after(ms, resolve);
  });
}

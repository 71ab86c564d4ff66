/**
 * The moment between the message of an answer and the end of its attempt: a client that has read the message may ask the next
 * question in it, and finds the session busy with an answer that it has in full.
 */
import { pause } from '../../calling/pause.ts';
import type { Asker, Ports } from '../ports.ts';
import { runningAttempt, type AnswerKey } from './records.ts';

const LOOK_MS = 10;
/** A node that died in this moment holds the answer longer: that one is not waited for. */
const LOOKS = 200;

/** @returns whether the answer has ended, which is waited for where its message is there */
export async function hasEnded(ports: Ports, { user }: Asker, key: AnswerKey): Promise<boolean> {
  if (!(await isStored(ports, user, key))) return false;
  const { signal } = new AbortController();
  for (let looks = 0; looks < LOOKS; looks += 1) {
    const running = await runningAttempt(ports.database, key);
    if (running?.question !== key.question || running.attempt !== key.attempt) return running === null;
    await pause(ports.host.scheduler, LOOK_MS, signal);
  }
  return false;
}

async function isStored(
  { conversations, host }: Ports,
  user: string,
  { tenant, session, question, attempt }: AnswerKey,
): Promise<boolean> {
  const page = await conversations.messages({ tenant, user }, { conversation: session, limit: 1 });
  const answer = host.isRefusal(page) ? undefined : page.messages.at(-1)?.metadata?.['answer'];
  const facts = answer as { readonly question?: number; readonly attempt?: number } | undefined;
  return facts?.question === question && facts.attempt === attempt;
}

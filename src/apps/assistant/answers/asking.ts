/** A user asks: the message is stored, then confirmed, then answered. */
import type { Refusal } from '../../../protocol/errors.ts';
import { unknownSession, type Asker, type Ports } from '../ports.ts';
import { changeSession, closedProblem, findSession } from '../sessions/sessions.ts';
import type { SessionRow } from '../tables.ts';
import type { Answering } from './answering.ts';
import { hasEnded } from './ending.ts';
import { promptOf } from './prompt.ts';
import {
  beginAttempt,
  correlationOf,
  lastQuestion,
  leftMs,
  newestAttempt,
  runningAttempt,
  spentBy,
  type AnswerKey,
  type Ended,
  type Spent,
} from './records.ts';

export interface AskInput {
  readonly session: string;
  readonly content: string;
  /** The user's own id: the same message again is asked once. */
  readonly clientId?: string | undefined;
  /** What the session is about from now on, where that is said with a message. */
  readonly clientName?: string | undefined;
  readonly context?: string | undefined;
  /** What the user has pressed instead of writing, in the words of the product. */
  readonly quickAction?: string | undefined;
}

export interface Asked {
  readonly session: string;
  readonly sequence: number;
  /** Milliseconds since 1970. */
  readonly timestamp: number;
  readonly duplicate: boolean;
}

export interface Attempt {
  readonly session: string;
  readonly question: number;
  readonly attempt: number;
}

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

export async function ask(ports: Ports, answering: Answering, asker: Asker, input: AskInput): Promise<Asked | Refusal> {
  const { host, conversations, settings } = ports;
  const { tenant, user } = asker;
  const { session: id, content, clientId, quickAction } = input;
  const found = await findSession(ports, asker, id);
  if (found === null) return unknownSession(ports);
  const running = await runningAttempt(ports.database, { tenant, session: id });
  if (running !== null) {
    const same = await sameQuestion(ports, asker, running, clientId);
    if (same !== null) return same;
    if (!(await hasEnded(ports, asker, running))) return busy(ports);
  }
  const refused = closedProblem(ports, found) ?? (await spentProblem(ports, asker));
  if (refused !== null) return refused;
  const row = await aboutNow(ports, asker, found, input);
  const sent = await conversations.send({
    tenant,
    conversation: id,
    sender: user,
    clientId,
    body: { content, ...(quickAction !== undefined && { metadata: { quickAction } }) },
    maxContent: settings.max_question,
  });
  if (host.isRefusal(sent)) return sent;
  const { sequence, timestamp, duplicate } = sent;
  // Another question of this user may have taken what was left meanwhile. The same message again is answered later.
  const begun = await answer(ports, answering, asker, { row, question: sequence, isFurther: false });
  if (host.isRefusal(begun)) return begun;
  ports.news.tell({ tenant, session: id });
  return { session: id, sequence, timestamp, duplicate };
}

/** Clients of guide 004 say with each message what the session is about. */
async function aboutNow(
  ports: Ports,
  asker: Asker,
  row: SessionRow,
  { clientName = row.client_name ?? undefined, context = row.context ?? undefined }: AskInput,
): Promise<SessionRow> {
  const isSame = (clientName ?? null) === row.client_name && (context ?? null) === row.context;
  if (isSame) return row;
  const changed = await changeSession(ports, asker, row.id, { clientName, context });
  if (ports.host.isRefusal(changed)) return row;
  return { ...row, client_name: clientName ?? null, context: context ?? null };
}

/** Another attempt at the last question, also of one that failed, was stopped or was interrupted. */
export async function askAgain(
  ports: Ports,
  answering: Answering,
  asker: Asker,
  id: string,
): Promise<Attempt | Refusal> {
  const row = await findSession(ports, asker, id);
  if (row === null) return unknownSession(ports);
  const running = await runningAttempt(ports.database, { tenant: asker.tenant, session: id });
  if (running !== null && !(await hasEnded(ports, asker, running))) return busy(ports);
  const refused = closedProblem(ports, row) ?? (await spentProblem(ports, asker));
  if (refused !== null) return refused;
  const question = await lastQuestion(ports.database, { tenant: asker.tenant, session: id });
  if (question === null) return ports.host.refuse('wrong_state', 'expected a session in which something was asked');
  const key = await answer(ports, answering, asker, { row, question, isFurther: true });
  if (ports.host.isRefusal(key)) return key;
  return key === null ? busy(ports) : { session: id, question, attempt: key.attempt };
}

/** The answer ends where it is; what was said stays. @returns whether there was one */
export async function stopAnswer(
  ports: Ports,
  answering: Answering,
  asker: Asker,
  id: string,
): Promise<{ readonly wasRunning: boolean } | Refusal> {
  if ((await findSession(ports, asker, id)) === null) return unknownSession(ports);
  const running = await runningAttempt(ports.database, { tenant: asker.tenant, session: id });
  if (running !== null) answering.wish('stop', running);
  return { wasRunning: running !== null };
}

export interface Current {
  /** The one under way. */
  readonly answer: Omit<Attempt, 'session'> | null;
  /** How the newest one has ended, where none is under way. */
  readonly last?: {
    readonly question: number;
    readonly attempt: number;
    readonly status: Ended['status'];
    readonly failure?: string;
    /** Where the provider has said when. */
    readonly retryAfterMs?: number;
    /** Of the line in the log, for one that failed or was interrupted. */
    readonly correlationId?: string;
    readonly sequence?: number;
  };
}

/** What is being answered, and the text so far to all who follow the session. */
export async function current(
  ports: Ports,
  answering: Answering,
  asker: Asker,
  session: string,
): Promise<Current | Refusal> {
  if ((await findSession(ports, asker, session)) === null) return unknownSession(ports);
  const { tenant } = asker;
  const newest = await newestAttempt(ports.database, { tenant, session });
  if (newest === null) return { answer: null };
  const { question, attempt, status, failure, message } = newest;
  const retryAfterMs = leftMs(newest, ports.host.clock.now());
  if (status === 'running') {
    answering.wish('whole', { tenant, session });
    return { answer: { question, attempt } };
  }
  const isWhole = status === 'done' || status === 'stopped';
  const why = {
    ...(failure !== null && { failure }),
    ...(retryAfterMs !== null && { retryAfterMs }),
    ...(!isWhole && { correlationId: correlationOf({ session, question, attempt }) }),
  };
  const place = message === null ? {} : { sequence: message };
  return { answer: null, last: { question, attempt, status, ...why, ...place } };
}

/** @returns `null` where it has one already */
async function answer(
  ports: Ports,
  answering: Answering,
  { tenant, user }: Asker,
  { row, question, isFurther }: { readonly row: SessionRow; readonly question: number; readonly isFurther: boolean },
): Promise<AnswerKey | Refusal | null> {
  const { host, conversations, settings, database } = ports;
  const now = host.clock.now();
  const key = await beginAttempt(
    database,
    { tenant, session: row.id, question, user },
    {
      isFurther,
      now,
      expiresAt: now + settings.session_hours * HOUR_MS,
      refused: (spent) => refusalOf(ports, spent, now),
    },
  );
  if (key === null || host.isRefusal(key)) return key;
  const limit = Math.min(2 * settings.history_messages + 1, 100);
  const page = await conversations.messages({ tenant, user }, { conversation: row.id, before: question + 1, limit });
  const messages = host.isRefusal(page) ? [] : page.messages;
  answering.begin(key, user, promptOf(settings, { clientName: row.client_name, context: row.context }, messages));
  return key;
}

/** The question that is being answered, asked again by a client that has not heard of it. @returns `null` where it is another one */
async function sameQuestion(
  { conversations, host }: Pick<Ports, 'conversations' | 'host'>,
  { tenant, user }: Asker,
  { session, question }: AnswerKey,
  clientId: string | undefined,
): Promise<Asked | null> {
  if (clientId === undefined) return null;
  const page = await conversations.messages(
    { tenant, user },
    { conversation: session, before: question + 1, limit: 1 },
  );
  const asked = host.isRefusal(page) ? undefined : page.messages[0];
  if (asked?.sequence !== question || asked.clientId !== clientId) return null;
  return { session, sequence: question, timestamp: asked.timestamp, duplicate: true };
}

function busy({ host }: Pick<Ports, 'host'>): Refusal {
  return host.refuse('wrong_state', 'expected a session whose last question is answered: wait, or stop the answer');
}

/** Before anything is stored: most are refused here. */
async function spentProblem(ports: Ports, asker: Asker): Promise<Refusal | null> {
  const now = ports.host.clock.now();
  return refusalOf(ports, await spentBy(ports.database, asker, now), now);
}

function refusalOf(
  { host, settings, condition }: Ports,
  { lastMinute, today, underWay }: Spent,
  now: number,
): Refusal | null {
  if (lastMinute >= settings.messages_per_minute)
    return host.refuse('rate_limited', `expected at most ${settings.messages_per_minute} messages a minute`, {
      retryAfterMs: MINUTE_MS / settings.messages_per_minute,
    });
  const { tokens_per_day: limit } = settings;
  // An answer under way may take all that it may: so a day ends about one answer above its limit, and not ten.
  const taken = today + underWay * settings.max_answer_tokens;
  if (limit === 0 || taken < limit) return null;
  const isSpent = today >= limit;
  if (isSpent) condition.spent();
  return host.refuse(
    'rate_limited',
    `expected at most ${limit} tokens a day, got ${today}${isSpent ? '' : ` and ${underWay} answers under way`}`,
    {
      retryAfterMs: isSpent ? DAY_MS - (now % DAY_MS) : settings.answer_ms,
      details: { tokens: today, limit },
    },
  );
}

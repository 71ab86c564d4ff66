/** Attempts at answers in the table: each is held by the node that makes it, and ends once. */
import type { Kysely } from 'kysely';
import type { Database } from '../../../database/database.ts';
import type { Refusal } from '../../../protocol/errors.ts';
import type { Usage } from '../providers/provider.ts';
import type { AnswerStatus, Tables } from '../tables.ts';

export interface AnswerKey {
  readonly tenant: string;
  readonly session: string;
  /** Sequence of the message that asks. */
  readonly question: number;
  readonly attempt: number;
}

/** An attempt names itself in the log, so that a client that is told of its failure can name the line. */
export function correlationOf({ session, question, attempt }: Omit<AnswerKey, 'tenant'>): string {
  return `${session}.${question}.${attempt}`;
}

export interface Ended {
  readonly status: Exclude<AnswerStatus, 'running'>;
  readonly failure?: string | undefined;
  /** When the provider may be asked again, where it has said so. */
  readonly retryAfterMs?: number | undefined;
  /** Sequence of the message that answers. */
  readonly message?: number | undefined;
  readonly usage?: Usage | undefined;
}

/** Tells the locks of users from others in the database. */
const USER_LOCK = 1397310029;

/** How long a node holds an answer without saying so again. */
export const HOLD_MS = 9_000;

export interface Beginning {
  /** Another attempt at a question that had one. */
  readonly isFurther: boolean;
  readonly now: number;
  readonly expiresAt: number;
  /** Why this user may not ask any more, or `null`. */
  readonly refused: (spent: Spent) => Refusal | null;
}

/** @returns `null` where this question has an answer under way already, or the session has */
export async function beginAttempt(
  database: Database,
  { tenant, session, question, user }: Omit<AnswerKey, 'attempt'> & { readonly user: string },
  { isFurther, now, expiresAt, refused }: Beginning,
): Promise<AnswerKey | Refusal | null> {
  return database.transaction<Tables, AnswerKey | Refusal | null>(async (tables) => {
    // A user who asks in several sessions at once does so one after the other: each would see room for one answer otherwise.
    await database.sql`select pg_advisory_xact_lock(hashtextextended(${JSON.stringify([tenant, user])}, ${USER_LOCK}))`.execute(
      tables,
    );
    const problem = refused(await spentBy(database, { tenant, user }, now, tables));
    if (problem !== null) return problem;
    // Two who ask in one session at once are one after the other.
    await tables
      .selectFrom('sessions')
      .select('id')
      .where('tenant', '=', tenant)
      .where('id', '=', session)
      .forUpdate()
      .execute();
    const there = await tables
      .selectFrom('answers')
      .select(['question', 'attempt', 'status'])
      .where('tenant', '=', tenant)
      .where('session', '=', session)
      .where((of) => of.or([of('status', '=', 'running'), of('question', '=', question)]))
      .orderBy('attempt', 'desc')
      .execute();
    if (there.some(({ status }) => status === 'running')) return null;
    const attempt = (there[0]?.attempt ?? 0) + 1;
    if (attempt > 1 && !isFurther) return null;
    const times = { started_at: new Date(now), held_until: new Date(now + HOLD_MS) };
    await tables
      .insertInto('answers')
      .values({
        tenant,
        session,
        question,
        attempt,
        user_id: user,
        failure: null,
        message: null,
        ended_at: null,
        ...times,
      })
      .execute();
    await tables
      .updateTable('sessions')
      .set({ active_at: new Date(now), expires_at: new Date(expiresAt) })
      .where('tenant', '=', tenant)
      .where('id', '=', session)
      .execute();
    return { tenant, session, question, attempt };
  });
}

/** @returns whether it was under way: another end came first otherwise */
export async function endAttempt(database: Database, key: AnswerKey, ended: Ended, now: number): Promise<boolean> {
  const { numUpdatedRows: rows } = await database
    .tables<Tables>()
    .updateTable('answers')
    .set({
      status: ended.status,
      failure: ended.failure ?? null,
      message: ended.message ?? null,
      held_until: null,
      ended_at: new Date(now),
      retry_at: ended.retryAfterMs === undefined ? null : new Date(now + ended.retryAfterMs),
      input_tokens: ended.usage?.inputTokens ?? 0,
      output_tokens: ended.usage?.outputTokens ?? 0,
    })
    .where('tenant', '=', key.tenant)
    .where('session', '=', key.session)
    .where('question', '=', key.question)
    .where('attempt', '=', key.attempt)
    .where('status', '=', 'running')
    .executeTakeFirst();
  return rows > 0n;
}

/** All of them in one statement. @returns those that another node has not ended meanwhile */
export async function holdOn(
  database: Database,
  keys: readonly AnswerKey[],
  now: number,
): Promise<readonly AnswerKey[]> {
  if (keys.length === 0) return [];
  const { rows } =
    await database.sql<AnswerKey>`update assistant.answers as answer set held_until = ${new Date(now + HOLD_MS)}
    from unnest(${keys.map((key) => key.tenant)}::text[], ${keys.map((key) => key.session)}::text[],
      ${keys.map((key) => key.question)}::int8[], ${keys.map((key) => key.attempt)}::int4[])
      as held (tenant, session, question, attempt)
    where answer.tenant = held.tenant and answer.session = held.session and answer.question = held.question
      and answer.attempt = held.attempt and answer.status = 'running'
    returning answer.tenant, answer.session, answer.question, answer.attempt`.execute(database.tables());
  return rows;
}

/** Ends those whose node has not said so again. @returns them; each is returned to one node alone */
export async function takeAbandoned(database: Database, now: number): Promise<readonly AnswerKey[]> {
  return database
    .tables<Tables>()
    .updateTable('answers')
    .set({ status: 'interrupted', held_until: null, ended_at: new Date(now) })
    .where('status', '=', 'running')
    .where('held_until', '<', new Date(now))
    .returning(['tenant', 'session', 'question', 'attempt'])
    .execute();
}

/** The one under way, or `null`. */
export async function runningAttempt(
  database: Database,
  { tenant, session }: Pick<AnswerKey, 'tenant' | 'session'>,
): Promise<AnswerKey | null> {
  const row = await database
    .tables<Tables>()
    .selectFrom('answers')
    .select(['tenant', 'session', 'question', 'attempt'])
    .where('tenant', '=', tenant)
    .where('session', '=', session)
    .where('status', '=', 'running')
    .executeTakeFirst();
  return row ?? null;
}

export interface NewestAttempt {
  readonly question: number;
  readonly attempt: number;
  readonly status: AnswerStatus;
  readonly failure: string | null;
  /** Sequence of the message that answers. */
  readonly message: number | null;
  /** When the provider may be asked again, where it has said so. */
  readonly retry_at: Date | null;
}

/** The time that is left until the provider may be asked again. @returns milliseconds; `null` where it has not said when */
export function leftMs({ retry_at: retryAt }: Pick<NewestAttempt, 'retry_at'>, now: number): number | null {
  return retryAt === null ? null : Math.max(0, retryAt.getTime() - now);
}

/** The newest of a session, under way or ended; `null` where nothing was asked. */
export async function newestAttempt(
  database: Database,
  { tenant, session }: Pick<AnswerKey, 'tenant' | 'session'>,
): Promise<NewestAttempt | null> {
  const row = await database
    .tables<Tables>()
    .selectFrom('answers')
    .select(['question', 'attempt', 'status', 'failure', 'message', 'retry_at'])
    .where('tenant', '=', tenant)
    .where('session', '=', session)
    .orderBy('question', 'desc')
    .orderBy('attempt', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row ?? null;
}

/** The last question of a session, whatever became of it. */
export async function lastQuestion(
  database: Database,
  { tenant, session }: Pick<AnswerKey, 'tenant' | 'session'>,
): Promise<number | null> {
  const row = await database
    .tables<Tables>()
    .selectFrom('answers')
    .select('question')
    .where('tenant', '=', tenant)
    .where('session', '=', session)
    .orderBy('question', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row?.question ?? null;
}

export interface Spent {
  /** Answers that were begun since a minute ago. */
  readonly lastMinute: number;
  /** Tokens since midnight, UTC. */
  readonly today: number;
  /** Answers under way, on all nodes: what they cost is not known yet. */
  readonly underWay: number;
}

export async function spentBy(
  database: Database,
  { tenant, user }: { readonly tenant: string; readonly user: string },
  now: number,
  tables: Kysely<Tables> = database.tables<Tables>(),
): Promise<Spent> {
  const day = new Date(now).setUTCHours(0, 0, 0, 0);
  const minute = now - 60_000;
  const row = await tables
    .selectFrom('answers')
    .select([
      database.sql<number>`count(*) filter (where started_at > ${new Date(minute)})::int4`.as('lastMinute'),
      database.sql<number>`coalesce(sum(input_tokens + output_tokens) filter (where started_at >= ${new Date(day)}), 0)::int8`.as(
        'today',
      ),
      database.sql<number>`count(*) filter (where status = 'running')::int4`.as('underWay'),
    ])
    .where('tenant', '=', tenant)
    .where('user_id', '=', user)
    .where('started_at', '>', new Date(Math.min(day, minute)))
    .executeTakeFirstOrThrow();
  return row;
}

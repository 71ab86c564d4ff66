/** The tables of the application, as its queries know them (migrations/). */
import type { Generated } from 'kysely';

export type SessionStatus = 'active' | 'closed';
export type AnswerStatus = 'running' | 'done' | 'stopped' | 'failed' | 'interrupted';

export interface SessionRow {
  readonly tenant: string;
  readonly id: string;
  readonly user_id: string;
  readonly client_name: string | null;
  readonly context: string | null;
  readonly metadata: string | null;
  readonly status: SessionStatus;
  readonly created_at: Date;
  readonly changed_at: Date;
  readonly active_at: Date;
  readonly expires_at: Date;
  readonly deleted_at: Date | null;
}

type Defaulted<Row, Names extends keyof Row> = Omit<Row, Names> & { readonly [Name in Names]: Generated<Row[Name]> };

interface AnswerRow {
  readonly tenant: string;
  readonly session: string;
  readonly question: number;
  readonly attempt: number;
  readonly user_id: string;
  readonly status: Generated<AnswerStatus>;
  readonly failure: string | null;
  readonly message: number | null;
  readonly held_until: Date | null;
  readonly started_at: Generated<Date>;
  readonly ended_at: Date | null;
  readonly retry_at: Generated<Date | null>;
  readonly input_tokens: Generated<number>;
  readonly output_tokens: Generated<number>;
}

export interface Tables {
  readonly sessions: Defaulted<SessionRow, 'status' | 'created_at' | 'changed_at' | 'active_at'>;
  readonly answers: AnswerRow;
}

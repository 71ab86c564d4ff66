/** What the operations of the assistant work with. */
import type { Database } from '../../database/database.ts';
import type { Refusal } from '../../protocol/errors.ts';
import type { Conversations } from '../conversations/public.ts';
import type { Counter, Host, Observations } from '../host-api.ts';
import type { Condition } from './condition.ts';
import type { SharedAnswers } from './answers/shared-answers.ts';
import type { GuardedProvider } from './providers/guarded.ts';
import type { News } from './sessions/news.ts';
import type { Settings } from './settings.ts';

/** As a member and as a sender; no user may have this name. */
export const ASSISTANT = 'assistant';

export interface Ports {
  readonly host: Pick<
    Host,
    'node' | 'publish' | 'emit' | 'refuse' | 'isRefusal' | 'clock' | 'scheduler' | 'random' | 'log'
  >;
  readonly database: Database;
  readonly conversations: Conversations;
  readonly provider: GuardedProvider;
  readonly shared: SharedAnswers;
  readonly news: News;
  readonly settings: Settings;
  readonly counts: Counts;
  readonly condition: Condition;
}

/** Metrics. */
export interface Counts {
  /** Answers by their end. */
  readonly answers: Counter;
  /** Tokens, `input` and `output`. */
  readonly tokens: Counter;
  /** From the question to the first delta, and to the end. */
  readonly firstDelta: Observations;
  readonly whole: Observations;
}

/** The user that asks, as the token says. */
export interface Asker {
  readonly tenant: string;
  readonly user: string;
}

/** One word for what is another's and for what is not there. */
export function unknownSession({ host }: Pick<Ports, 'host'>): Refusal {
  return host.refuse('not_found', 'expected a session of this user');
}

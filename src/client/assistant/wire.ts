/** What the frames and topics of the assistant say (docs/assistant.md), as far as the library reads it. */
import type { LiveEvent as ConversationLiveEvent } from '../conversations/wire.ts';

/** `interrupted`: the node that made it is gone. */
export type AnswerStatus = 'running' | 'done' | 'stopped' | 'failed' | 'interrupted';

/** Which answer: a question may be answered several times. */
export interface AnswerPlace {
  /** Sequence of the message that asks. */
  readonly question: number;
  readonly attempt: number;
}

export interface Delta extends AnswerPlace {
  /** Where it begins: in UTF-16 units of the whole text. */
  readonly from: number;
  readonly text: string;
}

export interface End extends AnswerPlace {
  readonly status: Exclude<AnswerStatus, 'running'>;
  readonly failure?: string;
  /** Where the provider has said when it may be asked again. */
  readonly retryAfterMs?: number;
  /** Of the line in the server's log that says more, for one that failed or was interrupted. */
  readonly correlationId?: string;
  /** Of the message that has all of it; an answer without a word has none. */
  readonly sequence?: number;
}

/** What comes on `conversation.<session>.live`. */
export type LiveEvent =
  | ({ readonly event: 'answer.delta' } & Delta)
  | ({ readonly event: 'answer.end' } & End)
  | ConversationLiveEvent;

/** Of X-AssistantCurrent. */
export interface Current {
  readonly answer: AnswerPlace | null;
  /** How the newest one has ended, where none is under way. */
  readonly last?: End;
}

/** `metadata.answer` of a message. */
export interface AnswerFacts extends AnswerPlace {
  readonly status: 'done' | 'stopped' | 'failed';
  readonly failure?: string;
  readonly ending?: 'done' | 'length' | 'refused';
  readonly model: string;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly tookMs: number;
}

export interface SessionBody {
  readonly clientName?: string;
  readonly context?: string;
  readonly metadata?: Readonly<Record<string, unknown>>;
}

export interface SessionChange extends SessionBody {
  readonly status?: 'active' | 'closed';
}

export interface AssistantSession {
  readonly id: string;
  readonly user: string;
  readonly clientName: string | null;
  readonly context: string | null;
  readonly status: 'active' | 'closed' | 'expired';
  readonly metadata: unknown;
  /** Milliseconds since 1970, like all times here. */
  readonly createdAt: number;
  readonly changedAt: number;
  readonly activeAt: number;
  readonly expiresAt: number;
}

export interface SessionQuery {
  readonly limit?: number;
  readonly status?: AssistantSession['status'];
  /** The `cursor` of the page before. */
  readonly after?: string;
}

export interface SessionPage {
  readonly sessions: readonly AssistantSession[];
  /** `null` at the end. */
  readonly cursor: string | null;
}

/** `signalbox/client/assistant`: sessions with a model, whose answers stream. docs/client.md, "The assistant"; the server's side: docs/assistant.md. */
import type { Client } from '../client.ts';
import { shared } from '../conversations/shared.ts';
import type { Answer } from './answer.ts';
import { OpenChat, type AskOptions, type AssistantChat } from './chat.ts';
import type { AssistantSession, SessionBody, SessionChange, SessionPage, SessionQuery } from './wire.ts';

export type { Answer, FinalAnswer } from './answer.ts';
export { answerOf, type AskOptions, type AssistantChat, type AssistantSnapshot } from './chat.ts';
export type { LiveAnswer } from './growing.ts';
export type {
  AnswerFacts,
  AnswerStatus,
  AssistantSession,
  SessionBody,
  SessionChange,
  SessionPage,
  SessionQuery,
} from './wire.ts';

export interface Assistant {
  begin(body?: SessionBody): Promise<AssistantSession>;
  /** The newest first. */
  sessions(query?: SessionQuery): Promise<SessionPage>;
  session(id: string): Promise<AssistantSession>;
  change(id: string, change: SessionChange): Promise<AssistantSession>;
  /** It can be restored for a while. */
  delete(id: string): Promise<void>;
  restore(id: string): Promise<AssistantSession>;
  /** The same store for the same id. */
  open(id: string): AssistantChat;
  /** `open(id).ask(content)` */
  ask(id: string, content: string, options?: AskOptions): Answer;
}

export function assistant(client: Client): Assistant {
  const ofSession = async (type: `X-Assistant${string}`, data: object): Promise<AssistantSession> =>
    (await client.request(type, data)) as AssistantSession;
  const open = (id: string): OpenChat => shared(client, `assistant ${id}`, () => new OpenChat(client, id));
  return {
    begin: (body = {}) => ofSession('X-AssistantBegin', body),
    sessions: async (query = {}) => (await client.request('X-AssistantSessions', query)) as SessionPage,
    session: (session) => ofSession('X-AssistantSession', { session }),
    change: (session, change) => ofSession('X-AssistantChange', { session, ...change }),
    delete: async (session) => {
      await client.request('X-AssistantDelete', { session });
    },
    restore: (session) => ofSession('X-AssistantRestore', { session }),
    open,
    ask: (id, content, options) => open(id).ask(content, options),
  };
}

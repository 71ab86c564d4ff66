/** One session with the assistant as a store: its conversation, and the answer that grows (docs/client.md, "The assistant"). */
import type { Client } from '../client.ts';
import type { ConversationSnapshot, OpenConversation } from '../conversations/conversation.ts';
import { openConversation } from '../conversations/shared.ts';
import type { ChatMessage } from '../conversations/snapshot.ts';
import { Store } from '../conversations/store.ts';
import { SignalboxError } from '../errors.ts';
import { OpenAnswer, type Answer } from './answer.ts';
import { againOnce, askOnce } from './asking.ts';
import { CatchingUp } from './catching-up.ts';
import { compare, Growing, type LiveAnswer } from './growing.ts';
import type { AnswerFacts, AnswerPlace, Current, End, LiveEvent } from './wire.ts';

export interface AssistantSnapshot extends ConversationSnapshot {
  /** The newest answer until its message is among `messages`; one that has ended without a message stays until the next. */
  readonly answer: LiveAnswer | undefined;
}

export interface AskOptions {
  /** Stops the answer. */
  readonly signal?: AbortSignal;
}

export interface AssistantChat {
  /** Of the session, which is a conversation. */
  readonly id: string;
  /** Reads as long as somebody listens, and a second longer. @returns what ends it */
  subscribe(listener: () => void): () => void;
  /** The same object until something changes. */
  getSnapshot(): AssistantSnapshot;
  /** The question is among `messages` at once, as `sending`. It is asked once, over any number of reconnects. */
  ask(content: string, options?: AskOptions): Answer;
  /** Asks again what was refused. @returns `undefined` where nothing was */
  retry(key: string): Answer | undefined;
  /** Takes away what was refused. */
  discard(key: string): boolean;
  /** Another answer to the last question. */
  again(options?: AskOptions): Answer;
  /** The answer under way ends where it is. @returns whether there was one */
  stop(): Promise<boolean>;
  /** The answer under way, from its first piece on; `null` where there is none. */
  current(): Promise<Answer | null>;
  /** @returns whether there are still older messages */
  loadOlder(): Promise<boolean>;
}

/** Of a message of the assistant; `undefined` for all others. */
export function answerOf({
  metadata,
  isDeleted,
}: Pick<ChatMessage, 'metadata' | 'isDeleted'>): AnswerFacts | undefined {
  return isDeleted ? undefined : (metadata?.['answer'] as AnswerFacts | undefined);
}

/** An answer under way that says nothing for so long is asked for. */
const SILENCE_MS = 15_000;

export class OpenChat extends Store<AssistantSnapshot> implements AssistantChat {
  readonly id: string;
  readonly #client: Client;
  readonly #conversation: OpenConversation;
  readonly #growing = new Growing();
  readonly #catchingUp: CatchingUp;
  /** By the key of the question, or one of their own. */
  readonly #answers = new Map<string, OpenAnswer>();
  /** Messages up to there were looked at. */
  #seen = 0;
  #hasHeard = false;

  constructor(client: Client, id: string) {
    super(client);
    this.#client = client;
    this.id = id;
    this.#conversation = openConversation(client, id);
    // Its messages are questions, which the assistant has to answer.
    this.#conversation.sendBy(({ content = '' }, key) => this.#ask(content, key));
    const told = (current: Current): void => this.#told(current);
    this.#catchingUp = new CatchingUp(client, id, told, () => this.#growing.isBehind);
  }

  ask(content: string, { signal }: AskOptions = {}): Answer {
    const answer = this.#answer(signal);
    if (!answer.isOver) this.#keep(this.#conversation.send({ content }), answer);
    return answer;
  }

  retry(key: string): Answer | undefined {
    if (!this.#conversation.retry(key)) return undefined;
    const answer = this.#answer();
    this.#keep(key, answer);
    return answer;
  }

  discard(key: string): boolean {
    return this.#conversation.discard(key);
  }

  again({ signal }: AskOptions = {}): Answer {
    const answer = this.#answer(signal);
    if (answer.isOver) return answer;
    this.#keep(this.#client.environment.id(), answer);
    againOnce(this.#client, this.id, this.#growing.now).then(
      (place) => this.#place(answer, place),
      (error: unknown) => answer.fail(error),
    );
    return answer;
  }

  async stop(): Promise<boolean> {
    const stopped = await this.#client.request('X-AssistantStop', { session: this.id });
    return (stopped as { readonly wasRunning: boolean }).wasRunning;
  }

  async current(): Promise<Answer | null> {
    const current = (await this.#client.request('X-AssistantCurrent', { session: this.id })) as Current;
    if (current.answer === null) return null;
    const answer = this.#answer();
    this.#keep(this.#client.environment.id(), answer);
    this.#told(current);
    this.#place(answer, current.answer);
    // Its message may have come while the server still closes it.
    return answer.isOver ? null : answer;
  }

  loadOlder(): Promise<boolean> {
    return this.#conversation.loadOlder();
  }

  protected make(): AssistantSnapshot {
    const { now } = this.#growing;
    // Its message is there, or comes at once where nothing of it was shown.
    const isStored = now?.sequence !== undefined && (now.sequence <= this.#seen || now.text === '');
    return { ...this.#conversation.getSnapshot(), answer: isStored ? undefined : now };
  }

  protected begin(): () => void {
    const stops = [
      this.#conversation.subscribe(() => this.#look()),
      this.#client.topic<LiveEvent>(`conversation.${this.id}.live`).on(
        {
          message: (item) => this.#heard(item),
          gap: () => this.#unsure(),
          live: () => this.#unsure(),
          error: () => {},
        },
        { since: 'live' },
      ),
    ];
    let cancel = (): void => {};
    const watch = (): void => {
      cancel = this.#client.environment.after(SILENCE_MS, () => {
        this.#listen();
        watch();
      });
    };
    watch();
    return () => {
      for (const stop of stops) stop();
      cancel();
      this.#catchingUp.stop();
    };
  }

  #answer(signal?: AbortSignal): OpenAnswer {
    const answer = new OpenAnswer(() => this.stop());
    if (signal?.aborted === true) answer.fail(new SignalboxError('aborted', 'the question was taken back'));
    else signal?.addEventListener('abort', () => void answer.stop().catch(() => {}), { once: true });
    return answer;
  }

  /** Listens until it has ended. */
  #keep(key: string, answer: OpenAnswer): void {
    const stop = this.subscribe(() => {});
    this.#answers.set(key, answer);
    const over = (): void => {
      if (this.#answers.get(key) === answer) this.#answers.delete(key);
      stop();
    };
    answer.final.then(over, over);
  }

  async #ask(content: string, key: string): Promise<{ readonly sequence: number }> {
    try {
      const { sequence, duplicate } = await askOnce(this.#client, this.id, content, key);
      const answer = this.#answers.get(key);
      if (answer !== undefined) this.#place(answer, { question: sequence, attempt: 1 });
      // It may have ended unheard.
      if (duplicate) this.#catchingUp.want();
      return { sequence };
    } catch (error) {
      this.#answers.get(key)?.fail(error);
      throw error;
    }
  }

  #place(answer: OpenAnswer, place: AnswerPlace): void {
    answer.bind(place);
    this.#settle();
    this.changed();
  }

  #heard({ payload }: { readonly payload: LiveEvent }): void {
    this.#hasHeard = true;
    if (payload.event === 'answer.delta') this.#growing.delta(payload);
    else if (payload.event === 'answer.end') this.#ended(payload);
    else return;
    if (this.#growing.isBehind) this.#catchingUp.want();
    this.#settle();
    this.changed();
  }

  #ended(end: End): void {
    this.#growing.end(end);
    for (const answer of this.#answers.values())
      if (answer.place !== undefined && compare(answer.place, end) === 0) answer.told = end;
  }

  #told({ answer, last }: Current): void {
    if (answer !== null) this.#growing.began(answer);
    if (last !== undefined) this.#ended(last);
    this.#settle();
    this.changed();
  }

  /** Events that nobody keeps may have been told meanwhile. */
  #unsure(): void {
    this.#growing.doubt();
    this.#catchingUp.want();
  }

  #listen(): void {
    const isWaiting = this.#growing.now?.status === 'running' || this.#answers.size > 0;
    if (!this.#hasHeard && isWaiting) this.#unsure();
    this.#hasHeard = false;
    this.#settle(true);
  }

  /** At what the conversation has got. */
  #look(): void {
    const { messages } = this.#conversation.getSnapshot();
    let newest = this.#seen;
    for (let at = messages.length - 1; at >= 0; at -= 1) {
      const message = messages[at];
      if (message?.sequence === undefined) continue;
      if (message.sequence <= this.#seen) break;
      newest = Math.max(newest, message.sequence);
      const facts = answerOf(message);
      if (facts !== undefined) this.#growing.stored({ ...facts, sequence: message.sequence }, message.content ?? '');
    }
    this.#seen = newest;
    this.#settle();
    this.changed();
  }

  /** @param isLate messages that have not come by now will not come */
  #settle(isLate = false): void {
    if (this.#answers.size === 0) return;
    const { messages, status, error, connection } = this.#conversation.getSnapshot();
    const { state } = this.#client;
    const closed =
      state.status === 'closed' ? (state.error ?? new SignalboxError('closed', 'the client was closed')) : error;
    for (const answer of this.#answers.values()) {
      const { place } = answer;
      if (status === 'refused' || connection === 'closed') answer.fail(closed);
      if (place === undefined || answer.isOver) continue;
      const message = messages.find((it) => isAnswer(it, place));
      const facts = message && answerOf(message);
      if (facts !== undefined) answer.end({ ...facts, sequence: message?.sequence ?? 0 }, message?.content);
      else this.#settleUnstored(answer, place, isLate && status === 'live');
    }
  }

  #settleUnstored(answer: OpenAnswer, place: AnswerPlace, isLate: boolean): void {
    const { now } = this.#growing;
    const order = now === undefined ? -1 : compare(now, place);
    if (now !== undefined && order === 0) answer.grow(now.text);
    const end = answer.told ?? (order === 0 && now?.status !== 'running' ? (now as End) : undefined);
    if (end === undefined ? order > 0 && isLate : end.sequence !== undefined && isLate && end.sequence <= this.#seen)
      answer.end({ ...place, status: 'interrupted' });
    // A message comes by another topic, which brings everything.
    else if (end !== undefined && end.sequence === undefined) answer.end(end);
  }
}

function isAnswer(message: ChatMessage, place: AnswerPlace): boolean {
  const facts = answerOf(message);
  return facts !== undefined && compare(facts, place) === 0;
}

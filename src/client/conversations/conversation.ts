/** One conversation as a store: the topic first, then what is read, then what came meanwhile (docs/client.md, "Conversations"). */
import { draw } from '../back-off.ts';
import type { Client } from '../client.ts';
import type { ConnectionState } from '../connection-state.ts';
import { isSignalboxError, type SignalboxError } from '../errors.ts';
import type { Item, Message } from '../items.ts';
import { Outbox, type SendPort } from './outbox.ts';
import { Positions } from './positions.ts';
import { pageBefore, pagesDownTo, readMembers, readPositions } from './reading.ts';
import { Messages, type ChatMessage } from './snapshot.ts';
import { Store } from './store.ts';
import { Telling } from './telling.ts';
import { Timeline } from './timeline.ts';
import { OwnTyping, Typists } from './typists.ts';
import { userOf } from './user.ts';
import type { ConversationFacts, Event, LiveEvent, MemberFacts, MessageBody } from './wire.ts';

export interface ConversationSnapshot {
  readonly id: string;
  /** `stale`: events were missed, and it is being read again; `refused` with `error`: one is no member. */
  readonly status: 'loading' | 'live' | 'stale' | 'refused';
  readonly error: SignalboxError | undefined;
  readonly connection: ConnectionState['status'];
  /** One's own user id. */
  readonly me: string;
  readonly facts: ConversationFacts | undefined;
  readonly members: readonly MemberFacts[];
  /** By their places; what is not confirmed comes last. */
  readonly messages: readonly ChatMessage[];
  /** There are older ones: `loadOlder()`. */
  readonly hasMore: boolean;
  readonly unread: number;
  readonly readTo: number;
  /** Other users. */
  readonly typing: readonly string[];
}

export interface Conversation {
  readonly id: string;
  /** Reads as long as somebody listens, and a second longer. @returns what ends it */
  subscribe(listener: () => void): () => void;
  /** The same object until something changes. */
  getSnapshot(): ConversationSnapshot;
  /** @returns whether there are still older ones */
  loadOlder(): Promise<boolean>;
  /** Shown at once as `sending`. @returns its key */
  send(body: string | MessageBody): string;
  /** Sends again what has failed. @returns whether there was such a one */
  retry(key: string): boolean;
  /** Takes away what has failed. */
  discard(key: string): boolean;
  edit(sequence: number, content: string): Promise<void>;
  delete(sequence: number): Promise<void>;
  react(sequence: number, emoji: string, isRemoved?: boolean): Promise<void>;
  /** Up to the newest message, or to a sequence. */
  markRead(to?: number): void;
  /** To be called for every key: it is told now and then, and ends by itself. */
  typing(isTyping?: boolean): void;
}

export class OpenConversation extends Store<ConversationSnapshot> implements Conversation {
  readonly id: string;
  readonly #client: Client;
  readonly #topic: string;
  readonly #timeline = new Timeline();
  readonly #positions = new Positions();
  readonly #messages = new Messages();
  readonly #members = new Map<string, MemberFacts>();
  readonly #typists: Typists;
  readonly #ownTyping: OwnTyping;
  readonly #outbox: Outbox;
  readonly #read: Telling;
  readonly #delivered: Telling;
  #facts: ConversationFacts | undefined;
  #status: ConversationSnapshot['status'] = 'loading';
  #error: SignalboxError | undefined;
  #older: Promise<boolean> | null = null;
  /** Grows with every beginning and end: what was asked before is of no interest then. */
  #generation = 0;

  constructor(client: Client, id: string) {
    super(client);
    this.#client = client;
    this.id = id;
    this.#topic = `conversation.${id}`;
    const changed = (): void => this.changed();
    this.#typists = new Typists(client, changed);
    this.#ownTyping = new OwnTyping(client, id);
    this.#outbox = new Outbox(client, this.#topic, this.#timeline, changed);
    this.#read = new Telling(client, 'X-ConversationRead', id);
    this.#delivered = new Telling(client, 'X-ConversationDelivered', id);
  }

  async loadOlder(): Promise<boolean> {
    this.#older ??= this.#loadOlder().finally(() => {
      this.#older = null;
    });
    return this.#older;
  }

  send(body: string | MessageBody): string {
    this.#ownTyping.stops();
    this.#timeline.me ||= userOf(this.#client);
    return this.#outbox.send(typeof body === 'string' ? { type: 'text', content: body } : { type: 'text', ...body });
  }

  /** Another way for messages than the topic. */
  sendBy(port: SendPort): void {
    this.#outbox.sendPort = port;
  }

  retry(key: string): boolean {
    return this.#outbox.retry(key);
  }

  discard(key: string): boolean {
    return this.#outbox.discard(key);
  }

  async edit(sequence: number, content: string): Promise<void> {
    await this.#client.request('X-ConversationEdit', { conversation: this.id, sequence, content });
  }

  async delete(sequence: number): Promise<void> {
    await this.#client.request('X-ConversationDelete', { conversation: this.id, sequence });
  }

  async react(sequence: number, emoji: string, isRemoved = false): Promise<void> {
    await this.#client.request('X-ConversationReact', { conversation: this.id, sequence, emoji, isRemoved });
  }

  markRead(to = this.#timeline.newest): void {
    const { me } = this.#timeline;
    if (to <= this.#positions.readTo(me) || me === '') return;
    this.#positions.move(me, to, true);
    this.#read.say(to);
    this.changed();
  }

  typing(isTyping = true): void {
    if (isTyping) this.#ownTyping.types();
    else this.#ownTyping.stops();
  }

  protected make(): ConversationSnapshot {
    const { me, hasMore } = this.#timeline;
    return {
      id: this.id,
      status: this.#status,
      error: this.#error,
      connection: this.#client.state.status,
      me,
      facts: this.#facts,
      members: [...this.#members.values()],
      messages: this.#messages.of(this.#timeline, this.#positions),
      hasMore,
      unread: this.#positions.unread(this.#timeline),
      readTo: this.#positions.readTo(me),
      typing: this.#typists.users,
    };
  }

  protected begin(): () => void {
    this.#generation += 1;
    this.#become('loading');
    const take = (item: Item<Event>): unknown => this.#take(item);
    const heard = (item: Item<LiveEvent>): void => this.#heard(item);
    const error = (problem: SignalboxError): void => {
      // A listener's fault is the client's to tell, and no refusal.
      if (problem.reason === 'handler_failed') throw problem;
      this.#become('refused', problem);
    };
    const stops = [
      this.#client.topic<Event>(this.#topic).on({ message: take, gap: take, live: take, error }, { since: 'live' }),
      this.#client
        .topic<LiveEvent>(`${this.#topic}.live`)
        .on({ message: heard, gap: heard, live: heard, error: () => {} }, { since: 'live' }),
      this.#client.on('state', () => this.changed()),
    ];
    return () => {
      this.#generation += 1;
      for (const stop of stops) stop();
      this.#typists.clear();
      this.#ownTyping.stops();
    };
  }

  #become(status: ConversationSnapshot['status'], error?: SignalboxError): void {
    this.#status = status;
    this.#error = error;
    this.changed();
  }

  #take(item: Item<Event>): unknown {
    if (item.kind === 'message') return this.#told(item);
    if (item.kind === 'live' && this.#status === 'live') return undefined;
    if (item.kind === 'gap') this.#become('stale');
    // Nothing is applied before it is there: the reader waits for its handler.
    return this.#load();
  }

  #told({ payload: event, sequence, from, time, key }: Message<Event>): void {
    if (event.event === 'message') {
      this.#typists.stops(from);
      if (from === this.#timeline.me) this.#positions.move(from, sequence, true);
    } else if (event.event === 'members')
      for (const change of event.changes) {
        const isIn = change.status === 'active' || change.status === 'pending';
        if (isIn) this.#members.set(change.user, { ...this.#members.get(change.user), ...change });
        else this.#members.delete(change.user);
        this.#positions.member(change.user, change.status === 'active');
      }
    else if (event.event === 'changed') {
      const { event: _, ...changes } = event;
      if (this.#facts !== undefined) this.#facts = { ...this.#facts, ...changes };
    }
    this.#timeline.take({ event, sequence, from, time, key });
    if (event.event === 'message' && from !== this.#timeline.me) this.#delivered.say(sequence);
    this.changed();
  }

  #heard(item: Item<LiveEvent>): void {
    // What was told while nobody listened is not kept.
    if (item.kind !== 'message') {
      if (this.#status === 'live') void this.#readPositions().catch(() => {});
      return;
    }
    const { payload } = item;
    if (payload.event === 'read' || payload.event === 'delivered') {
      this.#positions.move(payload.user, payload.to, payload.event === 'read');
      this.changed();
    } else if (payload.event === 'typing' && payload.user !== this.#timeline.me) {
      if (payload.isTyping) this.#typists.types(payload.user, payload.until ?? 0);
      else this.#typists.stops(payload.user);
    }
  }

  async #load(): Promise<void> {
    const generation = this.#generation;
    const isOld = (): boolean => generation !== this.#generation;
    for (let refusals = 0; !isOld(); refusals += 1) {
      this.#timeline.begin();
      try {
        await this.#readAll(isOld);
        return;
      } catch (error) {
        if (isOld()) return;
        if (!isSignalboxError(error)) throw error;
        if (!error.temporary && error.reason !== 'outcome_unknown') return this.#become('refused', error);
        const { environment } = this.#client;
        const wait = (error.retryAfterMs ?? 0) + draw(() => environment.random(), refusals);
        await new Promise<void>((resolve) => {
          environment.after(wait, resolve);
        });
      } finally {
        this.#timeline.end();
      }
    }
  }

  async #readAll(isOld: () => boolean): Promise<void> {
    const [{ facts, members }, pages] = await Promise.all([
      readMembers(this.#client, this.id),
      pagesDownTo(this.#client, this.id, this.#timeline.oldest),
      this.#readPositions(),
    ]);
    if (isOld()) return;
    const { me } = facts;
    this.#facts = facts;
    this.#timeline.me = me?.user ?? userOf(this.#client);
    this.#members.clear();
    for (const member of members) this.#members.set(member.user, member);
    this.#positions.counted(facts.messages, me?.unread ?? 0);
    for (const page of pages) this.#timeline.page(page);
    const last = pages.at(-1);
    this.#timeline.keepFrom(last?.messages[0]?.sequence ?? 0);
    this.#timeline.hasMore = last?.hasMore === true;
    this.#outbox.adopt();
    const others = this.#timeline.placed.filter(({ view }) => view.from !== this.#timeline.me);
    this.#delivered.say(others.at(-1)?.view.sequence ?? 0);
    this.#become('live');
  }

  async #readPositions(): Promise<void> {
    this.#positions.read(await readPositions(this.#client, this.id));
    this.changed();
  }

  async #loadOlder(): Promise<boolean> {
    const { oldest, hasMore } = this.#timeline;
    if (oldest === undefined || !hasMore) return false;
    this.#timeline.begin();
    try {
      const page = await pageBefore(this.#client, this.id, oldest);
      // Everything was read again meanwhile.
      if (this.#timeline.oldest !== oldest) return this.#timeline.hasMore;
      this.#timeline.page(page);
      this.#timeline.hasMore = page.hasMore;
    } finally {
      this.#timeline.end();
    }
    this.changed();
    return this.#timeline.hasMore;
  }
}

/** The conversations of the user as a store: read page by page, and kept by the topics of those that it shows. */
import { draw } from '../back-off.ts';
import type { Client } from '../client.ts';
import type { ConnectionState } from '../connection-state.ts';
import { isSignalboxError, type SignalboxError } from '../errors.ts';
import type { Item, Message } from '../items.ts';
import { Store } from './store.ts';
import { userOf } from './user.ts';
import type { Event, ListedConversation, LiveEvent } from './wire.ts';

export interface ListSnapshot {
  readonly status: 'loading' | 'live' | 'stale' | 'refused';
  readonly error: SignalboxError | undefined;
  readonly connection: ConnectionState['status'];
  /** The newest message first. */
  readonly conversations: readonly ListedConversation[];
  readonly hasMore: boolean;
  /** Of those that are listed. */
  readonly unread: number;
}

export interface ConversationList {
  /** Reads as long as somebody listens, and a second longer. @returns what ends it */
  subscribe(listener: () => void): () => void;
  /** The same object until something changes. */
  getSnapshot(): ListSnapshot;
  loadMore(): Promise<void>;
  /** Reads it again: after an archive, for example, of which no topic tells. */
  refresh(): Promise<void>;
}

interface Page {
  readonly conversations: readonly ListedConversation[];
  readonly next: string | null;
}

const PAGE = 20;
const PREVIEW = 100;

export class OwnConversations extends Store<ListSnapshot> implements ConversationList {
  readonly #client: Client;
  readonly #listed = new Map<string, ListedConversation>();
  readonly #stops = new Map<string, () => void>();
  #wanted = PAGE;
  #hasMore = false;
  #status: ListSnapshot['status'] = 'loading';
  #error: SignalboxError | undefined;
  #isBegun = false;
  #loading: Promise<void> | null = null;
  /** It was asked for again while it was being read. */
  #isAsked = false;

  constructor(client: Client) {
    super(client);
    this.#client = client;
  }

  async loadMore(): Promise<void> {
    if (!this.#hasMore) return;
    this.#wanted = this.#listed.size + PAGE;
    await this.refresh();
  }

  refresh(): Promise<void> {
    this.#isAsked = true;
    this.#loading ??= this.#load().finally(() => {
      this.#loading = null;
    });
    return this.#loading;
  }

  protected make(): ListSnapshot {
    const timeOf = ({ lastMessage }: ListedConversation): string => lastMessage?.sentAt ?? '';
    // A stable sort: those without messages stay as the server has them.
    const conversations = [...this.#listed.values()].sort((one, other) =>
      timeOf(one) === timeOf(other) ? 0 : timeOf(one) > timeOf(other) ? -1 : 1,
    );
    return {
      status: this.#status,
      error: this.#error,
      connection: this.#client.state.status,
      conversations,
      hasMore: this.#hasMore,
      unread: conversations.reduce((sum, { unread }) => sum + unread, 0),
    };
  }

  protected begin(): () => void {
    this.#isBegun = true;
    this.#become('loading');
    const again = (): void => void this.refresh();
    // New conversations, invitations and removals come here.
    const isAbout = ({ payload }: Message): boolean => 'conversation' in Object(payload);
    const stops = [
      this.#client.direct.on(
        {
          message: (message) => isAbout(message) && again(),
          gap: again,
          live: () => this.#status === 'loading' && again(),
        },
        { since: 'live' },
      ),
      this.#client.on('state', () => this.changed()),
    ];
    return () => {
      this.#isBegun = false;
      for (const stop of [...stops, ...this.#stops.values()]) stop();
      this.#stops.clear();
    };
  }

  #become(status: ListSnapshot['status'], error?: SignalboxError): void {
    this.#status = status;
    this.#error = error;
    this.changed();
  }

  async #load(): Promise<void> {
    let refusals = 0;
    while (this.#isAsked) {
      this.#isAsked = false;
      try {
        this.#show(await this.#pages());
        refusals = 0;
      } catch (error) {
        if (!isSignalboxError(error)) throw error;
        if (!error.temporary && error.reason !== 'outcome_unknown') return this.#become('refused', error);
        const { environment } = this.#client;
        const wait = (error.retryAfterMs ?? 0) + draw(() => environment.random(), refusals);
        refusals += 1;
        this.#isAsked = true;
        await new Promise<void>((resolve) => {
          environment.after(wait, resolve);
        });
      }
    }
  }

  async #pages(): Promise<readonly ListedConversation[]> {
    const found: ListedConversation[] = [];
    let after: string | undefined;
    do {
      const limit = Math.min(this.#wanted - found.length, PAGE);
      const page = (await this.#client.request('X-ConversationList', { limit, after })) as Page;
      found.push(...page.conversations);
      after = page.next ?? undefined;
    } while (after !== undefined && found.length < this.#wanted);
    this.#hasMore = after !== undefined;
    return found;
  }

  #show(found: readonly ListedConversation[]): void {
    if (!this.#isBegun) return;
    const before = new Map(this.#listed);
    this.#listed.clear();
    for (const one of found) {
      const known = before.get(one.id);
      // Of what was told while the page was read it may know nothing.
      this.#listed.set(one.id, known !== undefined && known.sequence > one.sequence ? known : one);
    }
    for (const [id, stop] of this.#stops) {
      if (this.#listed.has(id)) continue;
      stop();
      this.#stops.delete(id);
    }
    for (const id of this.#listed.keys()) if (!this.#stops.has(id)) this.#stops.set(id, this.#follow(id));
    this.#become('live');
  }

  #follow(id: string): () => void {
    const again = (): void => void this.refresh();
    const live = (item: Item): void => {
      // Something came between the page and the subscription.
      const at = item.kind === 'message' ? undefined : item.position?.sequence;
      if (at !== undefined && at > (this.#listed.get(id)?.sequence ?? 0)) again();
    };
    const stops = [
      this.#client
        .topic<Event>(`conversation.${id}`)
        .on({ message: (message) => this.#told(id, message), gap: again, live, error: again }, { since: 'live' }),
      this.#client
        .topic<LiveEvent>(`conversation.${id}.live`)
        // Positions that were told while nobody listened are in the pages alone.
        .on(
          { message: ({ payload }) => this.#heard(id, payload), gap: again, live: again, error: () => {} },
          { since: 'live' },
        ),
    ];
    return () => {
      for (const stop of stops) stop();
    };
  }

  #told(id: string, { payload, sequence, from, time }: Message<Event>): void {
    const listed = this.#listed.get(id);
    if (listed === undefined || sequence <= listed.sequence) return;
    this.#listed.set(id, { ...afterEvent(listed, payload, sequence, from, time, userOf(this.#client)), sequence });
    if (payload.event === 'members') void this.refresh();
    this.changed();
  }

  /** On another device, or in this page. */
  #heard(id: string, payload: LiveEvent): void {
    const listed = this.#listed.get(id);
    if (listed === undefined || payload.event !== 'read' || payload.user !== userOf(this.#client)) return;
    if (payload.to <= listed.readTo) return;
    // Only pages count what lies between.
    if (payload.to < (listed.lastMessage?.sequence ?? 0)) return void this.refresh();
    this.#listed.set(id, { ...listed, readTo: payload.to, unread: 0 });
    this.changed();
  }
}

function afterEvent(
  listed: ListedConversation,
  event: Event,
  sequence: number,
  from: string,
  time: number,
  me: string,
): ListedConversation {
  const { lastMessage, unread } = listed;
  if (event.event === 'message') {
    const { n, type = 'text', content, deleted = false } = event;
    const preview = deleted ? null : (content?.slice(0, PREVIEW) ?? null);
    const last = { sequence, n, from, type, preview, isDeleted: deleted, sentAt: new Date(time).toISOString() };
    const isMine = from === me;
    return { ...listed, lastMessage: last, unread: isMine ? 0 : unread + 1, ...(isMine && { readTo: sequence }) };
  }
  if (event.event === 'changed')
    return { ...listed, name: event.name ?? listed.name, status: event.status ?? listed.status };
  if (lastMessage === null || !('of' in event) || event.of !== lastMessage.sequence) return listed;
  if (event.event === 'deleted') return { ...listed, lastMessage: { ...lastMessage, preview: null, isDeleted: true } };
  if (event.event !== 'edited' || event.content === undefined) return listed;
  return { ...listed, lastMessage: { ...lastMessage, preview: event.content.slice(0, PREVIEW) } };
}

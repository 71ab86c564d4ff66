/** A client of conversations: sends until it is confirmed, reads on from where it was, and checks what comes. */
import type { Position } from '../../protocol/position.ts';
import { SimulatedLink } from '../simulated-link.ts';
import { tokenOf } from '../simulated-token.ts';
import { promise } from '../violation.ts';
import type { ConversationsNode } from './node.ts';

export interface Confirmed {
  readonly conversation: string;
  readonly sender: string;
  readonly clientId: string;
  readonly content: string;
  readonly sequence: number;
  readonly n: number;
}

interface Wish {
  readonly conversation: string;
  readonly clientId: string;
  readonly content: string;
}

interface Frame {
  readonly type: string;
  readonly reply_to?: string;
  readonly data: {
    readonly topic?: string;
    readonly epoch?: string;
    readonly sequence?: number;
    readonly payload?: unknown;
    readonly status?: string;
    readonly reason?: string;
    readonly message?: string;
    readonly temporary?: boolean;
    readonly topics?: readonly string[];
    readonly details?: {
      readonly sequence?: number;
      readonly n?: number;
      readonly topics?: readonly string[];
      readonly rejected?: readonly { readonly topic: string; readonly temporary: boolean; readonly reason: string }[];
    };
  };
}

/** Told of everything that clients see, so that they can be held against each other and the tables. */
export interface Witness {
  confirmed(message: Confirmed): void;
  read(topic: string, sequence: number, payload: string): void;
  /** A reader is told that it misses something. */
  missed(what: string): void;
  /** The link brings something wrong: thrown there, it would look like a fault of the node. */
  found(work: () => void): void;
}

/** A topic of no application, which flows whatever the database does. */
export const LIVE = 'typing.x';

export class ConversationsClient {
  readonly name: string;
  readonly topics: readonly string[];
  readonly places = new Map<string, Position>();
  node: ConversationsNode | null = null;
  liveAnswers = 0;
  private link: SimulatedLink | null = null;
  private readonly subscribed = new Set<string>();
  /** It was told that it misses something of these, and asks for them anew: what comes until the answer is passed over. */
  private readonly missing = new Set<string>();
  private readonly asked = new Map<string, Wish | string>();
  private readonly again: Wish[] = [];
  private frames = 0;
  private wishes = 0;
  private readonly witness: Witness;

  constructor(name: string, conversations: readonly string[], witness: Witness) {
    this.name = name;
    this.topics = conversations.map((id) => `conversation.${id}`);
    this.witness = witness;
  }

  /** Messages of which it does not know yet that they are stored. */
  get unconfirmed(): number {
    return this.again.length + [...this.asked.values()].filter((it) => typeof it === 'object').length;
  }

  get isConnected(): boolean {
    return this.link !== null && !this.link.isClosed;
  }

  get isFollowing(): boolean {
    return this.isConnected && this.topics.every((topic) => this.subscribed.has(topic));
  }

  connect(node: ConversationsNode): void {
    this.disconnect();
    const link = new SimulatedLink(1e9, (payload) => {
      if (link === this.link)
        this.witness.found(() => this.received(JSON.parse(Buffer.from(payload).toString()) as Frame));
    });
    this.link = link;
    this.node = node;
    if (node.admit(link, tokenOf({ sub: this.name }))) this.subscribe();
    else this.link = null;
  }

  disconnect(): void {
    const { link } = this;
    this.link = null;
    link?.break();
    this.node?.links.delete(link as SimulatedLink);
    this.node = null;
    this.subscribed.clear();
    this.missing.clear();
    for (const wish of this.asked.values()) if (typeof wish === 'object') this.again.push(wish);
    this.asked.clear();
  }

  /** To what it does not follow, from where it was. */
  subscribe(): void {
    if (!this.isConnected) return;
    const underWay = [...this.asked.values()].some((it) => it === 'subscribe');
    const wanted = this.topics.filter((topic) => !this.subscribed.has(topic));
    if (underWay || wanted.length === 0) return;
    const topics = wanted.map((topic) => ({ topic, ...this.placeIn(topic) }));
    this.ask('Subscribe', { topics }, 'subscribe');
  }

  send(conversation: string): void {
    this.wishes += 1;
    this.put({ conversation, clientId: `${this.name}-${this.wishes}`, content: `${this.name} says ${this.wishes}` });
  }

  /** What was refused for now, or had no answer when the link broke. */
  sendAgain(): void {
    for (const wish of this.again.splice(0)) this.put(wish);
  }

  move(type: 'X-ConversationRead' | 'X-ConversationDelivered', conversation: string): void {
    const to = this.placeIn(`conversation.${conversation}`).sequence;
    if (this.isConnected && to > 0) this.ask(type, { conversation, to }, 'move');
  }

  live(): void {
    if (this.isConnected) this.ask('Broadcast', { topic: LIVE, payload: this.name }, 'live');
  }

  private placeIn(topic: string): Position {
    return this.places.get(topic) ?? { epoch: `epoch-${topic}`, sequence: 0 };
  }

  private put(wish: Wish): void {
    const { conversation, clientId, content } = wish;
    if (this.isConnected) this.ask('X-ConversationSend', { conversation, clientId, content }, wish);
    else this.again.push(wish);
  }

  private ask(type: string, data: object, about: Wish | string): void {
    this.frames += 1;
    const id = `${this.name}.${this.frames}`;
    this.asked.set(id, about);
    const { buffer } = new TextEncoder().encode(JSON.stringify({ type, id, data }));
    this.link?.listener?.received(buffer, false);
  }

  private received({ type, reply_to: reply, data }: Frame): void {
    if (type === 'Broadcast') return this.read(data);
    if (type === 'Gap') return this.gap(data);
    if (type === 'Status' && data.status === 'unsubscribed')
      for (const topic of data.details?.topics ?? []) this.subscribed.delete(topic);
    if (reply === undefined) return;
    const about = this.asked.get(reply);
    this.asked.delete(reply);
    if (type === 'Error') this.refused(about, data);
    else if (typeof about === 'object') {
      const { sequence = 0, n = 0 } = data.details ?? {};
      this.witness.confirmed({ ...about, sender: this.name, sequence, n });
    } else if (about === 'subscribe') this.follow(data);
    else if (about === 'live') this.liveAnswers += 1;
  }

  /** While the database is away the log alone answers, and says what it lacks: the client insists. */
  private gap(data: Frame['data']): void {
    const { topic = '' } = data;
    this.witness.missed(`${this.name} got ${JSON.stringify(data)}`);
    this.missing.add(topic);
    this.subscribed.delete(topic);
  }

  private refused(about: Wish | string | undefined, { reason, message, temporary }: Frame['data']): void {
    promise(
      temporary === true,
      'what fails is refused for a while',
      () => `${this.name} was told ${reason}: ${message}`,
    );
    promise(about !== 'live', 'live topics flow on', () => `${this.name} was told ${reason}: ${message}`);
    if (typeof about === 'object') this.again.push(about);
  }

  private follow({ details }: Frame['data']): void {
    const rejected = new Set<string>();
    for (const { topic, temporary, reason } of details?.rejected ?? []) {
      promise(temporary, 'what fails is refused for a while', () => `${this.name} was told ${reason} of ${topic}`);
      rejected.add(topic);
    }
    for (const topic of details?.topics ?? []) {
      if (rejected.has(topic)) continue;
      this.subscribed.add(topic);
      this.missing.delete(topic);
    }
  }

  private read({ topic = '', epoch = '', sequence = 0, payload }: Frame['data']): void {
    if (topic === LIVE || this.missing.has(topic)) return;
    const before = this.placeIn(topic);
    promise(
      epoch === before.epoch && sequence === before.sequence + 1,
      'readers get everything once and in order',
      () => `${this.name} got ${epoch} ${sequence} of ${topic} behind ${before.epoch} ${before.sequence}`,
    );
    this.places.set(topic, { epoch, sequence });
    this.witness.read(topic, sequence, JSON.stringify(payload));
  }
}

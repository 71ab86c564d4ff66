/**
 * The messages of a conversation, whatever tells of them first: a page, an event, the answer to a publish. All of these name
 * sequences, so each knows which of two tellings is the newer one, and the order in which they come leaves no trace.
 */
import type { SignalboxError } from '../errors.ts';
import type { Event, MessageBody, MessagesPage, MessageView, Reaction } from './wire.ts';

/** One that is not confirmed. */
export interface Pending {
  readonly key: string;
  readonly body: MessageBody;
  readonly time: number;
  error: SignalboxError | undefined;
}

export interface Placed {
  /** The same before and after the confirmation: what a list calls its rows by. */
  readonly key: string;
  /** `n` is 0 as long as only the answer to the publish tells of it. */
  readonly view: MessageView;
}

interface Known extends Placed {
  /** The last event that changed it; older ones are in it already. */
  readonly changedAt: number;
  /** The same for reactions, where a page says more. */
  readonly reactionsAt: number;
}

export interface Told {
  readonly sequence: number;
  readonly from: string;
  readonly time: number;
  readonly key: string | undefined;
  readonly event: Event;
}

export class Timeline {
  /** The user that reads, once it is known. */
  me = '';
  /** There are older ones than the oldest. */
  hasMore = false;
  readonly pending = new Map<string, Pending>();
  readonly #known = new Map<number, Known>();
  #sorted: readonly Known[] | null = null;
  #loads = 0;
  /** Changes that come while a page is read: they may be of messages that only the page brings, and newer than it. */
  readonly #changes: Told[] = [];

  /** By sequence. */
  get placed(): readonly Placed[] {
    return (this.#sorted ??= [...this.#known.values()].sort((one, other) => one.view.sequence - other.view.sequence));
  }

  get oldest(): number | undefined {
    return this.placed[0]?.view.sequence;
  }

  get newest(): number {
    return this.placed.at(-1)?.view.sequence ?? 0;
  }

  /** Around everything that reads a page. */
  begin(): void {
    this.#loads += 1;
  }

  end(): void {
    this.#loads -= 1;
    if (this.#loads === 0) this.#changes.length = 0;
  }

  /** The words of a page are of after it was asked for, its reactions of its `sequence`. */
  page({ messages, sequence: at }: MessagesPage): void {
    for (const view of messages) {
      const { sequence, clientId } = view;
      const known = this.#known.get(sequence);
      const key = known?.key ?? this.#keyOf(sequence, clientId);
      const isOlder = known !== undefined && known.reactionsAt > at && known.view.n > 0;
      const reactions = (isOlder ? known.view.reactions : view.reactions) ?? [];
      const reactionsAt = isOlder ? known.reactionsAt : at;
      const isDeleted = view.deleted === true || known?.view.deleted === true;
      const changes = this.#changes.filter(({ event }) => 'of' in event && event.of === sequence);
      const changedAt = changes.length === 0 ? (known?.changedAt ?? sequence) : sequence;
      this.#put({ key, view: isDeleted ? emptied(view) : { ...view, reactions }, changedAt, reactionsAt });
      for (const change of changes) this.#change(change);
    }
  }

  /** Only what the pages have that were read just now: the rest may have changed unseen. */
  keepFrom(sequence: number): void {
    for (const known of this.#known.keys()) if (known < sequence) this.#known.delete(known);
    this.#sorted = null;
  }

  take(told: Told): void {
    const { event, sequence, from, time, key: clientId } = told;
    if (event.event === 'message') {
      const known = this.#known.get(sequence);
      const key = known?.key ?? this.#keyOf(sequence, clientId);
      if (known !== undefined && known.view.n > 0) return;
      const { event: _, ...said } = event;
      const view: MessageView = { ...said, sequence, from, timestamp: time, reactions: [] };
      this.#put({
        key,
        view: event.deleted === true ? emptied(view) : view,
        changedAt: sequence,
        reactionsAt: sequence,
      });
      return;
    }
    if (this.#loads > 0) this.#changes.push(told);
    this.#change(told);
  }

  send(key: string, body: MessageBody, time: number): void {
    this.pending.set(key, { key, body, time, error: undefined });
  }

  /** The answer to a publish: its place, of which more comes by the topic. */
  confirmed(key: string, sequence: number): void {
    const sent = this.pending.get(key);
    if (sent === undefined) return;
    this.pending.delete(key);
    const known = this.#known.get(sequence);
    if (known !== undefined) return this.#put({ ...known, key });
    const view: MessageView = { ...sent.body, sequence, n: 0, from: this.me, timestamp: sent.time, reactions: [] };
    this.#put({ key, view, changedAt: sequence, reactionsAt: sequence });
  }

  #keyOf(sequence: number, clientId: string | undefined): string {
    if (clientId === undefined || !this.pending.delete(clientId)) return String(sequence);
    return clientId;
  }

  #change({ event, sequence, from }: Told): void {
    if (event.event !== 'edited' && event.event !== 'deleted' && event.event !== 'reaction') return;
    const known = this.#known.get(event.of);
    if (known === undefined || known.view.deleted === true) return;
    if (event.event === 'deleted') return this.#put({ ...known, view: emptied(known.view), changedAt: sequence });
    if (event.event === 'reaction') {
      if (sequence <= known.reactionsAt) return;
      const reactions = counted(known.view.reactions ?? [], event.emoji, event.added ? 1 : -1, from === this.me);
      return this.#put({ ...known, view: { ...known.view, reactions }, reactionsAt: sequence });
    }
    // The edit of a message that was deleted later has lost its words; the deletion follows.
    if (sequence <= known.changedAt || event.content === undefined) return;
    this.#put({ ...known, view: { ...known.view, content: event.content, edited: true }, changedAt: sequence });
  }

  #put(known: Known): void {
    this.#known.set(known.view.sequence, known);
    this.#sorted = null;
  }
}

/** Its place alone stays. */
function emptied({ sequence, n, from, timestamp, type, parent, thread }: MessageView): MessageView {
  return {
    sequence,
    n,
    from,
    timestamp,
    ...(type !== undefined && { type }),
    ...(parent !== undefined && { parent }),
    ...(thread !== undefined && { thread }),
    deleted: true,
    reactions: [],
  };
}

function counted(reactions: readonly Reaction[], emoji: string, by: 1 | -1, isMine: boolean): readonly Reaction[] {
  const before = reactions.find((it) => it.emoji === emoji) ?? { emoji, count: 0, mine: false };
  const after = { emoji, count: before.count + by, mine: isMine ? by === 1 : before.mine };
  const others = reactions.filter((it) => it !== before);
  // As pages sort them.
  return (after.count > 0 ? [...others, after] : others).sort((one, other) => (one.emoji < other.emoji ? -1 : 1));
}

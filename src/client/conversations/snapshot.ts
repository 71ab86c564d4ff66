/** The messages of a conversation as a page shows them. Messages that have not changed are the same objects. */
import type { SignalboxError } from '../errors.ts';
import { receiptsOf, statusOf, type MessageStatus, type Positions, type Receipts } from './positions.ts';
import type { Pending, Placed, Timeline } from './timeline.ts';
import type { MessageBody, Reaction } from './wire.ts';

export interface ChatMessage extends MessageBody {
  /** The same before and after the confirmation: for the rows of a list. */
  readonly key: string;
  /** `undefined` until it is confirmed. */
  readonly sequence: number | undefined;
  readonly from: string;
  readonly mine: boolean;
  /** Milliseconds since 1970, by the server's clock. */
  readonly time: number;
  readonly thread?: number;
  readonly reactions: readonly Reaction[];
  readonly isEdited: boolean;
  readonly isDeleted: boolean;
  /** Of one's own. */
  readonly status: MessageStatus | undefined;
  readonly receipts: Receipts | undefined;
  /** Why it has failed. */
  readonly error: SignalboxError | undefined;
}

interface Shown {
  readonly from: Placed | Pending;
  readonly receipts: Receipts | undefined;
  readonly error: SignalboxError | undefined;
  readonly message: ChatMessage;
}

export class Messages {
  #shown = new Map<string, Shown>();

  of(timeline: Timeline, positions: Positions): readonly ChatMessage[] {
    const { me } = timeline;
    const others = positions.others(me);
    const shown = new Map<string, Shown>();
    for (const placed of timeline.placed) {
      const receipts = placed.view.from === me ? receiptsOf(placed.view.sequence, others) : undefined;
      shown.set(placed.key, this.#same(placed, receipts) ?? placedMessage(placed, receipts));
    }
    for (const pending of timeline.pending.values())
      shown.set(pending.key, this.#same(pending, undefined) ?? pendingMessage(pending, me));
    this.#shown = shown;
    return [...shown.values()].map(({ message }) => message);
  }

  #same(from: Placed | Pending, receipts: Receipts | undefined): Shown | undefined {
    const known = this.#shown.get(from.key);
    if (known?.from !== from || known.error !== ('error' in from ? from.error : undefined)) return undefined;
    const { receipts: before } = known;
    const isSame = before?.read === receipts?.read && before?.delivered === receipts?.delivered;
    return isSame && before?.of === receipts?.of ? known : undefined;
  }
}

/** What pages say beside it, events do not. */
const SAID = ['type', 'content', 'attachments', 'mentions', 'parent', 'thread', 'metadata'] as const;

function placedMessage(from: Placed, receipts: Receipts | undefined): Shown {
  const { key, view } = from;
  const { sequence, from: sender, timestamp: time, edited = false, deleted = false, reactions = [] } = view;
  const status = receipts === undefined ? undefined : statusOf(receipts);
  const said: object = Object.fromEntries(
    SAID.flatMap((name) => (view[name] === undefined ? [] : [[name, view[name]]])),
  );
  const of = { key, sequence, from: sender, mine: receipts !== undefined, time, status, receipts, error: undefined };
  return {
    from,
    receipts,
    error: undefined,
    message: { ...said, ...of, reactions, isEdited: edited, isDeleted: deleted },
  };
}

function pendingMessage(from: Pending, me: string): Shown {
  const { key, body, time, error } = from;
  const status = error === undefined ? 'sending' : 'failed';
  const of = { key, sequence: undefined, from: me, mine: true, time, status, receipts: undefined, error } as const;
  return {
    from,
    receipts: undefined,
    error,
    message: { ...body, ...of, reactions: [], isEdited: false, isDeleted: false },
  };
}

/**
 * What conversations offer to other applications, and the only file of theirs that those import:
 * `uses: ['conversations']`, then `host.used('conversations') as Conversations`. Rights are not asked: it is the application's word.
 */
import type { Refusal } from '../../protocol/errors.ts';
import { eraseConversation } from './members/erasing.ts';
import { openNamed, type Metadata } from './members/making.ts';
import { updateConversation } from './members/state.ts';
import { missingEvents } from './messages/holes.ts';
import { messagesOf, type MessagePage, type PageInput } from './messages/page.ts';
import type { MessagePorts } from './messages/ports.ts';
import type { PositionPorts } from './positions/ports.ts';
import { markDelivered, markRead } from './positions/positions.ts';
import { messageId } from '../../protocol/position.ts';
import { qualify, topicDigest } from '../../protocol/topic.ts';
import { send, type SendInput, type SentMessage } from './messages/send.ts';
import { liveTopicOf, topicOf } from './topic.ts';

export type { MessagePage };

interface Opening {
  readonly tenant: string;
  /** 1 to 128 of [A-Za-z0-9_-], of the caller's making: unguessable, or unknown to those who may not know of it. */
  readonly id: string;
  readonly name?: string | undefined;
  readonly metadata?: Metadata | undefined;
  readonly members: readonly { readonly user: string; readonly role: 'member' | 'reader'; readonly label?: string }[];
}

interface SendingOf extends Omit<SendInput, 'withLabel' | 'isTrusted'> {
  readonly tenant: string;
  readonly sender: string;
  /** Characters of the content; without, as the settings of conversations say. */
  readonly maxContent?: number | undefined;
}

/** With the id that its followers see. */
type Published = SentMessage & { readonly messageId: string };

interface Changed {
  readonly status?: 'active' | 'resolved' | 'closed';
  readonly name?: string | null;
  readonly metadata?: Metadata;
}

interface Moving {
  readonly tenant: string;
  readonly user: string;
  readonly conversation: string;
  readonly to: number;
  readonly is: 'delivered' | 'read';
}

export interface Conversations {
  /** Makes a group under this id; twice is the same one. Its members are told, and their connections follow it. */
  open(opening: Opening): Promise<{ readonly isNew: boolean } | Refusal>;
  /** Stored, delivered and confirmed, after the commit. */
  send(sending: SendingOf): Promise<Published | Refusal>;
  /** As this user may read them. */
  messages(reader: { readonly tenant: string; readonly user: string }, page: PageInput): Promise<MessagePage | Refusal>;
  /**
   * A member has got, or has read, everything up to a sequence; the others are told. Backwards is nothing.
   * @returns whether it has moved
   */
  move(moving: Moving): Promise<boolean | Refusal>;
  /** One that is closed takes no message of its members. */
  update(tenant: string, id: string, change: Changed): Promise<null | Refusal>;
  /** Its rows and its log are gone for good, and its followers are told. Uploads of its messages stay. */
  erase(tenant: string, id: string): Promise<void>;
  /** How many sequences of each have no event: 0, or somebody else has deleted rows. One that is not there is not in the answer. */
  missing(tenant: string, ids: readonly string[]): Promise<ReadonlyMap<string, number>>;
  /** Its topics: the sequenced one, and that of what nobody keeps. Its members may subscribe to both. */
  readonly topicOf: (id: string) => string;
  readonly liveTopicOf: (id: string) => string;
}

export function offeredBy(ports: MessagePorts & PositionPorts): Conversations {
  const asBackend = (tenant: string) => ({ tenant, user: 'conversations', roles: ['service'] });
  return {
    open: async ({ tenant, ...made }) => {
      const opened = await openNamed(ports, asBackend(tenant), made);
      return ports.host.isRefusal(opened) ? opened : { isNew: opened.isNew };
    },
    send: async ({ tenant, sender, maxContent, ...input }) => {
      const limits = maxContent === undefined ? {} : { max_content: maxContent };
      const settings = { ...ports.settings, ...limits };
      const actor = { tenant, user: sender, roles: [] };
      const sent = await send({ ...ports, settings }, actor, { ...input, isTrusted: true });
      return ports.host.isRefusal(sent) ? sent : { ...sent, messageId: idOf(tenant, sent) };
    },
    messages: (reader, page) => messagesOf(ports, { ...reader, roles: [] }, page),
    move: async ({ tenant, user, conversation, to, is }) => {
      const mark = is === 'read' ? markRead : markDelivered;
      const moved = await mark(ports, { tenant, user, roles: [] }, { conversation, to });
      return ports.host.isRefusal(moved) ? moved : moved.hasMoved;
    },
    update: async (tenant, id, change) => {
      const done = await updateConversation(ports, asBackend(tenant), { conversation: id, ...change });
      return ports.host.isRefusal(done) ? done : null;
    },
    erase: (tenant, id) => eraseConversation(ports, { tenant, id }),
    missing: (tenant, ids) => missingEvents(ports.database, tenant, ids),
    topicOf,
    liveTopicOf,
  };
}

function idOf(tenant: string, { conversation, timestamp, sequence }: SentMessage): string {
  return messageId(timestamp, sequence, topicDigest(qualify(tenant, topicOf(conversation))));
}

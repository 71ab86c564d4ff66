/** What each frame of clients carries when two tenants have the same ids: those of the other tenant (test/apps/tenants-isolation.test.ts). */
export const OURS = 'basalt';
export const TOPIC = 'news.shared';
export const ROOM = 'room.shared';

export interface Ids {
  readonly conversation: string;
  readonly session: string;
  readonly upload: string;
  readonly url: string;
  readonly signed: URLSearchParams;
  readonly message: string;
  readonly connection: string;
  readonly resumable: string;
  readonly key: string;
}

type Data = (ids: Ids) => readonly object[];

const inConversation =
  (...more: readonly object[]): Data =>
  ({ conversation }) =>
    (more.length === 0 ? [{}] : more).map((it) => ({ conversation, ...it }));
const inSession =
  (...more: readonly object[]): Data =>
  ({ session }) =>
    (more.length === 0 ? [{}] : more).map((it) => ({ session, ...it }));
const nothing: Data = () => [{}];

/** What each frame carries; a new frame has to be here. */
export const FRAMES_OF_OTHERS: Readonly<Record<string, Data>> = {
  Ping: nothing,
  Subscribe: ({ conversation }) => [
    {
      topics: [TOPIC, `conversation.${conversation}`, '@me', `@presence.${ROOM}`].map((topic) => ({
        topic,
        from: 'earliest',
      })),
    },
  ],
  Unsubscribe: () => [{ topics: [TOPIC] }],
  Broadcast: () => [{ topic: TOPIC, payload: OURS }],
  DirectMessage: () => [{ user: 'ada', payload: OURS }],
  GetMissedMessages: ({ resumable }) => [{ session_id: resumable, since: {} }],
  History: () => [{ topic: TOPIC, limit: 10 }],
  Authenticate: () => [{ token: 'x.y.z' }],
  Ack: () => [],
  Presence: () => [{ topic: ROOM, action: 'enter', data: { name: OURS } }],
  PresenceGet: () => [{ topic: ROOM }],
  'X-ConversationCreate': () => [{ kind: 'private', with: 'bob' }],
  'X-ConversationList': nothing,
  'X-ConversationUnread': nothing,
  'X-ConversationGet': inConversation(),
  'X-ConversationUpdate': inConversation({ name: 'x' }),
  'X-ConversationArchive': inConversation(),
  'X-ConversationAddMembers': inConversation({ users: ['kim'] }),
  'X-ConversationRemoveMember': inConversation({ user: 'bob' }),
  'X-ConversationLeave': inConversation(),
  'X-ConversationSetMember': inConversation({ user: 'bob', role: 'reader' }),
  'X-ConversationSend': inConversation({ type: 'text', content: OURS }),
  'X-ConversationEdit': inConversation({ sequence: 1, content: OURS }),
  'X-ConversationDelete': inConversation({ sequence: 1 }),
  'X-ConversationReact': inConversation({ sequence: 1, emoji: 'x' }),
  'X-ConversationMessages': inConversation(),
  'X-ConversationThread': inConversation({ thread: 1 }),
  'X-ConversationSearch': (ids) => [{ text: 'says' }, { conversation: ids.conversation, text: 'says' }],
  'X-ConversationRead': inConversation(),
  'X-ConversationDelivered': inConversation(),
  'X-ConversationPositions': inConversation(),
  'X-ConversationTyping': inConversation({ isTyping: true }),
  'X-ConversationOnline': inConversation(),
  'X-AssistantBegin': nothing,
  'X-AssistantSessions': nothing,
  'X-AssistantSession': inSession(),
  'X-AssistantCurrent': inSession(),
  'X-AssistantChange': inSession({ clientName: OURS }),
  'X-AssistantDelete': inSession(),
  'X-AssistantRestore': inSession(),
  'X-AssistantAsk': inSession({ content: OURS }),
  'X-AssistantAgain': inSession(),
  'X-AssistantStop': inSession(),
  'X-AssistantTyping': inSession({ isTyping: true }),
};

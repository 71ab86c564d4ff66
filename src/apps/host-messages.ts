/** Messages that an application publishes and reads. No rights are asked: what it does is its own word. */
import type { Draft, History, Published, ReadRequest } from '../broker/broker.ts';
import { isRefusal, quote, refusal, type Refusal } from '../protocol/errors.ts';
import type { JsonValue } from '../protocol/frames.ts';
import { MAX_HISTORY_LIMIT, PAGE_BYTES } from '../protocol/limits.ts';
import type { Position, Publication } from '../protocol/position.ts';
import { directTopic, isTenant, isTopicName, qualify, type Topic } from '../protocol/topic.ts';
import { writeProblem } from '../service/checks.ts';
import { invalidTopic } from '../service/names.ts';
import { appendStored } from '../service/owned-append.ts';
import type { TopicOwner } from '../service/topic-owners.ts';
import type { Host, Outgoing, Page } from './host-api.ts';
import type { HostPorts } from './host-ports.ts';

type Context = HostPorts['context'];
type Messages = Pick<Host, 'publish' | 'withdraw' | 'directMessage' | 'history' | 'position' | 'logPosition'>;

/** Whether the application has said yet which topics it owns. */
export interface Phase {
  isStarting: boolean;
}

export function messagesOf(app: string, context: Context, phase: Phase): Messages {
  const place: Place = { app, context, phase };
  return {
    publish: async (name, message) => {
      const topic = topicOf(name, message.tenant);
      if (typeof topic !== 'string') return topic;
      const draft = draftOf(app, context, message);
      return isRefusal(draft) ? draft : store(place, topic, draft, message);
    },
    withdraw: async (name, upTo, tenant) => {
      const topic = topicOf(name, tenant);
      if (typeof topic !== 'string') return topic;
      const problem = writeProblem(context) ?? ownProblem(place, topic);
      return problem ?? new Promise((resolve) => context.broker.withdraw(topic, upTo, resolve));
    },
    directMessage: async (user, message) => {
      const { tenant, user: to } = typeof user === 'string' ? { tenant: '', user } : user;
      const draft = draftOf(app, context, message);
      return isRefusal(draft) ? draft : store(place, directTopic(tenant, to), draft, {});
    },
    history: async (name, { tenant, after, before, limit, reverse = false }) => {
      const topic = topicOf(name, tenant);
      if (typeof topic !== 'string') return topic;
      const page = await read(context, topic, {
        after: after ?? 'earliest',
        ...(before !== undefined && { before: before.sequence }),
        limit: Math.min(limit, MAX_HISTORY_LIMIT),
        maxBytes: PAGE_BYTES,
        reverse,
      });
      return isRefusal(page) ? page : pageOf(page);
    },
    position: (name, tenant) => headOf(context, topicOf(name, tenant), false),
    logPosition: (name, tenant) => headOf(context, topicOf(name, tenant), true),
  };
}

interface Place {
  readonly app: string;
  readonly context: Context;
  readonly phase: Phase;
}

function store(
  { app, context, phase }: Place,
  topic: Topic,
  draft: Draft,
  { at, timestamp }: Pick<Outgoing, 'at' | 'timestamp'>,
): Promise<Published | Refusal> {
  const { broker, router, clock } = context;
  const times = router.tracing.isOn ? router.tracing.validated(draft) : null;
  return new Promise((resolve) => {
    const stored = (outcome: Published | Refusal): void => {
      if (!isRefusal(outcome) && times !== null) router.tracing.stored(topic, outcome, draft, times);
      resolve(outcome);
    };
    if (at === undefined) return broker.publish(topic, draft, stored);
    const owner = ownerOf({ app, context, phase }, topic);
    if (owner?.app !== app) return resolve(notOwned(topic));
    appendStored(
      broker,
      topic,
      owner,
      { position: at, timestamp: timestamp ?? clock.now(), draft, duplicate: false },
      stored,
    );
  });
}

function ownerOf({ app, context, phase }: Place, topic: Topic): TopicOwner | null {
  return phase.isStarting ? unknownOwner(app) : (context.owners?.of(topic) ?? null);
}

function ownProblem(place: Place, topic: Topic): Refusal | null {
  return ownerOf(place, topic)?.app === place.app ? null : notOwned(topic);
}

function notOwned(topic: Topic): Refusal {
  return refusal('not_allowed', `expected a topic that this application owns, got ${quote(topic)}`);
}

/** While it starts, an application is believed: it puts back what the log has lost before anybody comes. */
function unknownOwner(app: string): TopicOwner {
  return { app, mayAct: null, publishing: null, history: null };
}

async function headOf(context: Context, topic: Topic | Refusal, isOfLog: boolean): Promise<Position | Refusal> {
  if (typeof topic !== 'string') return topic;
  const page = await read(context, topic, { after: 'earliest', limit: 0, maxBytes: 0, isOfLog });
  return isRefusal(page) ? page : { epoch: page.epoch, sequence: page.top };
}

function read({ broker }: Context, topic: Topic, request: ReadRequest): Promise<History | Refusal> {
  return new Promise((resolve) => broker.read(topic, request, resolve));
}

function topicOf(name: string, tenant = ''): Topic | Refusal {
  if (!isTenant(tenant))
    return refusal('invalid_field', `tenant: expected at most 64 characters [A-Za-z0-9_:-], got ${quote(tenant)}`);
  return isTopicName(name) ? qualify(tenant, name) : invalidTopic(name);
}

function draftOf(app: string, context: Context, message: Omit<Outgoing, 'at'>): Draft | Refusal {
  const { payload: value, from = app, clientId, idempotencyKey, trace } = message;
  const problem = writeProblem(context);
  if (problem !== null) return problem;
  const payload = JSON.stringify(value);
  if (payload === undefined) return refusal('invalid_field', 'payload: expected a JSON value');
  const { maxMessageSize } = context.limits;
  const size = Buffer.byteLength(payload);
  if (size > maxMessageSize)
    return refusal(
      'payload_too_large',
      `expected at most ${maxMessageSize} bytes (websocket.max_message_size), got ${size}`,
    );
  return { payload, from, clientId, idempotencyKey, trace };
}

function pageOf({ epoch, top, first, lost, publications }: History): Page {
  return { messages: publications.flatMap(storedMessage), first, head: { epoch, sequence: top }, lost };
}

function storedMessage({ id, position, from, payload, timestamp, clientId, trace }: Publication): Page['messages'] {
  if (position === null) return [];
  return [{ id, at: position, from, payload: JSON.parse(payload) as JsonValue, timestamp, clientId, trace }];
}

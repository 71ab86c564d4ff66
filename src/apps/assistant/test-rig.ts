/** The assistant on a real database, in time that passes when a test says so; its conversations and what it publishes are written down. */
import { z } from 'zod';
import type { ApplicationDatabase } from '../../database/database.ts';
import { isRefusal, refusal } from '../../protocol/errors.ts';
import type { JsonValue } from '../../protocol/frames.ts';
import { VirtualClock } from '../../simulation/virtual-clock.ts';
import { silentLog as log } from '../../telemetry/log.ts';
import { systemRandom } from '../../telemetry/system-clock.ts';
import type { Conversations, MessagePage } from '../conversations/public.ts';
import type { Host } from '../host-api.ts';
import { Answering } from './answers/answering.ts';
import { SharedAnswers } from './answers/shared-answers.ts';
import { Condition } from './condition.ts';
import type { Ports } from './ports.ts';
import { guardedBy } from './providers/chosen.ts';
import { LocalProvider, type LocalOptions } from './providers/local.ts';
import { News } from './sessions/news.ts';
import { settings } from './settings.ts';

export interface Rig {
  readonly clock: VirtualClock;
  /** Time of day alone: hours in which no timer fires. */
  readonly later: (ms: number) => void;
  readonly ports: Ports;
  readonly answering: Answering;
  /** What readers of sessions were told. */
  readonly told: JsonValue[];
  readonly erased: string[];
  /** Lets time pass until this is so. */
  readonly until: (isDone: () => boolean | Promise<boolean>) => Promise<void>;
}

/** @param beside another node of it */
export function rigOf(
  database: ApplicationDatabase,
  { given = {}, script }: { readonly given?: object; readonly script?: LocalOptions['script'] } = {},
  beside?: Rig,
): Rig {
  const clock = beside?.clock ?? new VirtualClock();
  let offset = 0;
  const told: JsonValue[] = [];
  const erased: string[] = [];
  const handlers = new Map<string, (data: JsonValue, from: { readonly node: string }) => void>();
  const host: Ports['host'] = {
    node: 'n1',
    clock: { now: () => clock.now() + offset, elapsed: () => clock.elapsed() },
    scheduler: clock,
    random: systemRandom,
    log,
    publish: async (_, { payload }) => {
      told.push(payload);
      return { id: '', position: null, duplicate: false };
    },
    emit: (event, data) => handlers.get(event)?.(data, { node: 'n1' }),
    refuse: (reason, message, { details } = {}) => ({
      ...refusal(reason, message),
      ...(details !== undefined && { details }),
    }),
    isRefusal: (answer) => typeof answer === 'object' && answer !== null && isRefusal(answer),
  };
  const on: Host['on'] = (event, handler) => void handlers.set(event, handler);
  const parsed = settings(z).parse(given);
  const provider = new LocalProvider({ paceMs: 0, ...(script && { script }) }, clock);
  const count = { add: () => {} };
  const ports: Ports = {
    host,
    database,
    conversations: beside?.ports.conversations ?? talksOf(clock, erased),
    provider: guardedBy(provider, parsed, host),
    shared: new SharedAnswers({ keepMs: parsed.cache_secs * 1_000, most: 1_000 }, clock),
    news: new News({ emit: host.emit, on }),
    settings: parsed,
    condition: new Condition(clock),
    counts: { answers: count, tokens: count, firstDelta: { observe: () => {} }, whole: { observe: () => {} } },
  };
  const answering = new Answering(ports, on);
  const until: Rig['until'] = async (isDone) => {
    for (let steps = 0; !(await isDone()); steps += 1) {
      if (steps > 10_000) throw new Error('expected it to come to pass');
      await new Promise((resolve) => {
        setTimeout(resolve, 1);
      });
      clock.advance(1);
    }
  };
  const later = (ms: number): void => void (offset += ms);
  return { clock, later, ports, answering, told, erased, until };
}

/** Conversations in memory: messages in order, and nothing else. */
function talksOf(clock: VirtualClock, erased: string[]): Conversations {
  const talks = new Map<string, MessagePage['messages'][number][]>();
  return {
    open: async ({ id }) => {
      talks.set(id, []);
      return { isNew: true };
    },
    send: async ({ conversation, sender, body }) => {
      const messages = talks.get(conversation) ?? [];
      const sequence = messages.length + 1;
      const timestamp = clock.now();
      const { content, metadata } = body as { content: string; metadata?: Record<string, JsonValue> };
      const message = { sequence, timestamp, from: sender, content, ...(metadata && { metadata }) };
      messages.push(message as unknown as MessagePage['messages'][number]);
      return { sequence, timestamp, duplicate: false } as Awaited<ReturnType<Conversations['send']>>;
    },
    move: async () => false,
    messages: async (_, { conversation }) => ({ messages: talks.get(conversation) ?? [] }) as unknown as MessagePage,
    update: async () => null,
    erase: async (_, id) => {
      talks.delete(id);
      erased.push(id);
    },
    missing: async (_, ids) => new Map(ids.filter((id) => talks.has(id)).map((id) => [id, 0])),
    topicOf: (id) => `conversation.${id}`,
    liveTopicOf: (id) => `conversation.${id}.live`,
  };
}

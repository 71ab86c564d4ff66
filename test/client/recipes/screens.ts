/** The recipes of what is shown: state, receipts, typing, components, dashboards. */
import { createElement, type ReactNode } from 'react';
import { create } from 'react-test-renderer';
import { expect, onTestFinished } from 'vitest';
import { app } from '../../../src/apps/conversations/app.ts';
import { conversations, type ChatMessage, type Conversation } from '../../../src/client/conversations/index.ts';
import { presenceOf } from '../../../src/client/presence/index.ts';
import { eventually, within } from '../../harness/deadline.ts';
import { POSTGRESQL, startPostgresql } from '../../harness/postgresql-server.ts';
import { startServer } from '../../harness/server.ts';
import { clientOf } from '../rig.ts';
import type { Scenario } from './world.ts';

type Line = { readonly id: string; readonly text: string };

export const SCREENS: Readonly<Record<string, Scenario>> = {
  'State that is loaded once': async (world) => {
    const [client, backend] = [world.client(), world.client('backend')];
    let stored: Record<string, Line & { unread?: number }> = { a: { id: 'a', text: 'first' } };
    const fetch = world.spy('fetch', async () => ({ json: async () => stored }));
    await world.run({ client, fetch });
    const shown = (): unknown => world.of('render').at(-1);
    await world.until('render');
    expect(shown()).toEqual([stored, 'live']);
    await backend.topic('conversations.alice').publish({ id: 'a', unread: 1 });
    await backend.topic('conversations.alice').publish({ id: 'b', text: 'second' });
    const both = { a: { id: 'a', text: 'first', unread: 1 }, b: { id: 'b', text: 'second' } };
    await world.until('render', (calls) => calls.length >= 3);
    expect(shown()).toEqual([both, 'live']);
    // A short break loads nothing anew.
    world.cut();
    stored = {};
    await backend.topic('conversations.alice').publish({ id: 'b', unread: 2 });
    await world.until('render', (calls) => calls.length >= 4);
    expect(shown()).toEqual([{ ...both, b: { ...both.b, unread: 2 } }, 'live']);
    expect(world.of('fetch')).toHaveLength(1);
  },

  'Read receipts and unread counts': async (world) => {
    const [alice, bob] = [world.client(), world.client('bob')];
    const left = await world.run({ client: alice, renderReceipts: world.spy('receipts') });
    const [markAsRead, unread] = [left['markAsRead'], left['unread']] as [
      (at: unknown) => Promise<unknown>,
      (user: string) => number,
    ];
    alice.topic('chat.42').on({ message: () => {}, gap: () => {} });
    await eventually(() => alice.topic('chat.42').state === 'live', 'the topic to be live');
    const receipts = [];
    for (const text of ['one', 'two', 'three']) receipts.push(await bob.topic('chat.42').publish({ text }));
    await eventually(() => unread('alice') === 3, 'three unread messages');
    await markAsRead(receipts[1]);
    await eventually(() => unread('alice') === 1, 'one unread message');
    // An older receipt, from another device, takes nothing back.
    await markAsRead(receipts[0]);
    await world.until('receipts', (calls) => calls.length === 2);
    expect(unread('alice')).toBe(1);
    expect(world.of('receipts').at(-1)).toEqual([new Map([['alice', 2]])]);
  },

  'Conversations with members and receipts': async (world) => {
    const postgresql = POSTGRESQL === null ? null : await startPostgresql();
    onTestFinished(() => postgresql?.end());
    const database = postgresql === null ? {} : { 'database.url': await postgresql.database() };
    const server = await startServer({ ...database, 'database.migrate': 'true' }, [app]);
    const client = clientOf(server);
    const left = await world.run({ client });
    const shown = (): readonly ChatMessage[] => world.of('render').at(-1)?.[0] as readonly ChatMessage[];
    await world.until('render', () => shown()?.[0]?.status === 'sent');
    const bob = conversations(clientOf(server, 'bob')).open((left['chat'] as Conversation).id);
    bob.subscribe(() => bob.markRead());
    await world.until('render', () => shown()[0]?.status === 'read');
    bob.typing();
    bob.send('hi');
    await world.until('render', () => shown().length === 2);
    expect(shown().map(({ content, mine, from }) => [content, mine, from])).toEqual([
      ['hello', true, 'alice'],
      ['hi', false, 'bob'],
    ]);
    await world.until('render', () => world.of('render').at(-1)?.[2] === 1);
  },

  'Who is typing?': async (world) => {
    const [alice, bob] = [world.client(), world.client('bob')];
    const timers: (() => void)[] = [];
    let now = 10_000;
    const given = {
      showTyping: world.spy('typing'),
      performance: { now: () => now },
      clearTimeout: () => {},
      setTimeout: (work: () => void) => timers.push(work),
    };
    await world.run({ ...given, client: alice });
    await eventually(() => alice.topic('typing.42').state === 'live', 'the topic to be live');
    const onKey = (await world.run({ ...given, showTyping: () => {}, client: bob }))['onKey'] as () => void;
    await eventually(() => bob.state.status === 'connected', 'a connection');
    for (let key = 0; key < 10; key += 1) onKey();
    await world.until('typing');
    now += 3_000;
    onKey();
    await world.until('typing', (calls) => calls.length === 2);
    expect(world.of('typing')).toEqual([[['bob']], [['bob']]]);
    for (const end of timers) end();
    expect(world.of('typing').at(-1)).toEqual([[]]);
  },

  'Who is online?': async (world) => {
    const [alice, bob] = [world.client(), world.client('bob')];
    await world.run({ client: alice, renderOnline: world.spy('online') });
    await world.until('online', (calls) => calls.at(-1)?.[1] === 1);
    await world.run({ client: bob, renderOnline: () => {} });
    await world.until('online', (calls) => calls.at(-1)?.[1] === 2);
    expect(world.of('online').at(-1)).toEqual([['alice', 'bob'], 2]);
    // A break is nobody's departure.
    world.cut();
    await eventually(() => bob.state.status === 'connected' && alice.state.status === 'connected', 'both connections');
    expect(
      world.of('online').filter(([, count], at, all) => at > 0 && Number(count) < Number(all[at - 1]?.[1])),
    ).toEqual([]);
    await presenceOf(bob, 'chat.42').leave();
    await world.until('online', (calls) => calls.at(-1)?.[1] === 1);
  },

  'A chat in React': async (world) => {
    const scope = globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean };
    scope.IS_REACT_ACT_ENVIRONMENT = false;
    onTestFinished(() => void (scope.IS_REACT_ACT_ENVIRONMENT = true));
    const client = world.client();
    let page: ReturnType<typeof create> | undefined;
    const mount = (element: ReactNode): void => {
      page = create(element as never);
    };
    await world.run({ client, mount, createElement });
    onTestFinished(() => page?.unmount());
    const shown = (): string => JSON.stringify(page?.toJSON());
    await eventually(() => client.topic('chat.42').state === 'live', 'the topic to be live');
    await world.client('bob').topic('chat.42').publish({ text: 'hi' });
    const { children } = (page?.toJSON() ?? {}) as { children: { type: string; props: { onClick: () => void } }[] };
    children.find(({ type }) => type === 'button')?.props.onClick();
    await eventually(() => shown().includes('hello') && shown().includes('hi'), 'both messages');
    expect(shown()).toContain('"className":"connected"');
    expect(shown()).toMatch(/"right"\},"children":\["hello"\]/);
    expect(shown()).toMatch(/"left"\},"children":\["hi"\]/);
  },

  'Nobody looks at it any more': async (world) => {
    const client = world.client('alice', { lingerMs: 20 });
    const openChat = (await world.run({ client }))['openChat'] as (id: string) => () => void;
    const closeOne = openChat('42');
    const closeOther = openChat('42');
    await eventually(() => client.topic('chat.42').state === 'live', 'the topic to be live');
    const subscribed = (): number => world.server.running.node.connections[0]?.subscriptions.length ?? -1;
    closeOne();
    await client.topic('chat.1').publish(1);
    expect(subscribed()).toBe(1);
    closeOther();
    await eventually(() => subscribed() === 0, 'the end of the subscription');
    expect(client.topic('chat.42').state).toBe('stopped');
  },

  'The answer of an assistant grows': async (world) => {
    const [reader, late, assistant] = [world.client(), world.client('carol'), world.client('assistant')];
    const publish = (payload: unknown): Promise<unknown> => assistant.topic('answers.q1').publish(payload);
    const first = world.run({ client: reader, question: 'q1' });
    for (const delta of ['In ', 'order, ']) await publish({ delta });
    await world.until('show', (calls) => calls.length >= 2);
    world.cut();
    const second = world.run({ client: late, question: 'q1', show: world.spy('show late') });
    for (const delta of ['and ', 'once.']) await publish({ delta });
    await publish({ done: true });
    const texts = await within(Promise.all([first, second]), 'the end of the answer');
    expect(texts.map(({ text }) => text)).toEqual(['In order, and once.', 'In order, and once.']);
    expect(world.of('show').map(([text]) => text)).toEqual([
      'In ',
      'In order, ',
      'In order, and ',
      'In order, and once.',
    ]);
  },

  'A dashboard': async (world) => {
    const [client, source] = [world.client(), world.client('source')];
    const frames: (() => void)[] = [];
    const { newest } = await world.run({ client, requestAnimationFrame: (draw: () => void) => frames.push(draw) });
    await eventually(() => client.topic('metrics.live').state === 'live', 'the topic to be live');
    const numbers = Array.from({ length: 50 }, (_, at) => ({ name: at % 2 === 0 ? 'users' : 'rate', value: at }));
    await Promise.all(numbers.map((number) => source.topic('metrics.live').publish(number)));
    await eventually(() => (newest as Map<string, number>).get('rate') === 49, 'the newest numbers');
    expect([frames.length, world.of('render').length]).toEqual([1, 0]);
    frames[0]?.();
    expect(world.of('render')).toEqual([
      [
        new Map([
          ['users', 48],
          ['rate', 49],
        ]),
      ],
    ]);
    await source.topic('metrics.live').publish({ name: 'rate', value: 50 });
    await eventually(() => frames.length === 2, 'the next frame');
  },
};

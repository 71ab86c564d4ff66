/** The hooks in a real React, in StrictMode, which mounts everything twice; on virtual time. */
import { createElement, StrictMode, useState, type ReactNode } from 'react';
import { act, create } from 'react-test-renderer';
import { expect, onTestFinished, test } from 'vitest';
import { rig, type Rig } from '../test-rig.ts';
import {
  SignalboxProvider,
  useConnection,
  useMessages,
  usePresence,
  usePublish,
  useTopic,
  useTopicState,
  type UseTopicOptions,
} from './index.ts';

(globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean }).IS_REACT_ACT_ENVIRONMENT = true;

interface Page extends Rig {
  /** What is shown. */
  readonly text: () => unknown;
  readonly show: (component: () => ReactNode) => Promise<void>;
  readonly leave: () => Promise<void>;
  readonly wait: (ms: number) => Promise<void>;
}

async function open(component: () => ReactNode): Promise<Page> {
  const world = rig();
  const tree = (shown: () => ReactNode): ReactNode =>
    createElement(StrictMode, null, createElement(SignalboxProvider, { client: world.client }, createElement(shown)));
  let root: ReturnType<typeof create> | undefined;
  await act(() => {
    root = create(tree(component));
  });
  const leave = (): Promise<void> => act(() => root?.unmount());
  onTestFinished(leave);
  return {
    ...world,
    text: () => root?.toJSON(),
    show: (other) => act(() => root?.update(tree(other))),
    leave,
    wait: (ms) => act(() => world.pass(ms)),
  };
}

test('mounted twice: one socket, one subscription, every message once', async () => {
  const seen: unknown[] = [];
  const { server, wait, text, leave } = await open(() => {
    const state = useTopic('a', (item) => {
      if (item.kind === 'message') seen.push(item.payload);
    });
    return `${useConnection().status} ${state}`;
  });
  expect(text()).toBe('connecting pending');
  await wait(100);
  expect(text()).toBe('connected live');
  server.publish('a', 'one');
  await wait(10);
  server.cut();
  server.publish('a', 'two');
  await wait(1_000);
  expect(seen).toEqual(['one', 'two']);
  expect([server.sockets.length, server.frames('Unsubscribe').length]).toEqual([2, 0]);
  expect(server.frames('Subscribe').length).toBe(2);
  await leave();
  await wait(2_000);
  expect(server.frames('Unsubscribe').map(({ data }) => data['topics'])).toEqual([['a']]);
});

test('a handler is always the latest, and a new one begins nothing anew', async () => {
  const seen: string[] = [];
  let setPrefix: (prefix: string) => void = () => {};
  const { server, wait } = await open(() => {
    const [prefix, set] = useState('first');
    setPrefix = set;
    useTopic<string>('a', (item) => {
      if (item.kind === 'message') seen.push(`${prefix} ${item.payload}`);
    });
    return null;
  });
  await wait(10);
  server.publish('a', '1');
  await wait(10);
  await act(() => setPrefix('second'));
  server.publish('a', '2');
  await wait(10);
  expect(seen).toEqual(['first 1', 'second 2']);
  expect(server.frames('Subscribe').length).toBe(1);
});

test('a handler that throws is told by the client, and the next message comes', async () => {
  const seen: unknown[] = [];
  const { server, wait, errors } = await open(() => {
    useTopic('a', (item) => {
      if (item.kind !== 'message') return;
      seen.push(item.payload);
      throw new Error('a fault of the component');
    });
    return null;
  });
  await wait(100);
  server.publish('a', 'one');
  server.publish('a', 'two');
  await wait(10);
  expect([seen, errors]).toEqual([
    ['one', 'two'],
    ['handler_failed', 'handler_failed'],
  ]);
});

test('turned off, nothing is read', async () => {
  const off: UseTopicOptions = { enabled: false };
  const { server, wait, text } = await open(() => useTopic('a', () => {}, off));
  await wait(1_000);
  expect([text(), server.sockets.length]).toEqual(['stopped', 0]);
});

test('the latest messages: those that were there, those that come, up to a limit', async () => {
  const { server, wait, text } = await open(() => {
    const { messages, state } = useMessages<number>('a', { limit: 3 });
    return `${state} ${messages.map(({ payload }) => payload).join()}`;
  });
  for (let at = 1; at <= 5; at += 1) server.publish('a', at);
  await wait(100);
  expect(text()).toBe('live 3,4,5');
  server.publish('a', 6);
  await wait(10);
  expect(text()).toBe('live 4,5,6');
  // Although StrictMode has mounted it twice.
  expect(server.frames('History').length).toBe(1);
});

test('state is loaded and kept', async () => {
  const { server, wait, text } = await open(() => {
    const { value, status } = useTopicState<number, number>('sum', {
      load: () => 10,
      apply: (sum, { payload }) => sum + payload,
    });
    return `${status} ${value}`;
  });
  expect(text()).toBe('loading undefined');
  await wait(100);
  expect(text()).toBe('live 10');
  server.publish('sum', 5);
  await wait(10);
  expect(text()).toBe('live 15');
});

test('another topic takes the place of the first', async () => {
  const shown = (name: string) => (): ReactNode =>
    useMessages<string>(name)
      .messages.map(({ payload }) => payload)
      .join();
  const { server, wait, show, text } = await open(shown('a'));
  server.publish('a', 'from a');
  server.publish('b', 'from b');
  await wait(100);
  expect(text()).toBe('from a');
  await show(shown('b'));
  await wait(2_000);
  expect(text()).toBe('from b');
  expect(server.frames('Unsubscribe').map(({ data }) => data['topics'])).toEqual([['a']]);
});

test('publish is the same function at every render, and its promise is the client’s', async () => {
  const functions = new Set<unknown>();
  const { wait } = await open(() => {
    const publish = usePublish('a');
    functions.add(publish);
    return useConnection().status;
  });
  const [publish] = functions as Set<(payload: string) => Promise<{ sequence: number | undefined }>>;
  const receipt = publish?.('hello');
  await wait(100);
  expect([functions.size, (await receipt)?.sequence]).toEqual([1, 1]);
});

test('who is in a topic, and oneself as long as the component is there; mounted twice it enters once', async () => {
  const Room = (): string => {
    const { members, count } = usePresence('chat', { data: { mood: 'well' } });
    return `${count} ${members.map(({ user }) => user).join()}`;
  };
  const { server, text, wait, leave } = await open(Room);
  await wait(100);
  server.presence.enter('chat', 'ada');
  await wait(100);
  expect(text()).toBe('2 me,ada');
  expect(new Set(server.frames('Presence').map(({ data }) => data['action']))).toEqual(new Set(['enter']));
  await leave();
  await wait(2_000);
  expect(server.presence.members('chat')).toEqual(['ada']);
});

test('data that changes are told, and a topic that is only looked at is not entered', async () => {
  let setMood: (mood: string) => void = () => {};
  const Room = (): string => {
    const [mood, set] = useState('well');
    setMood = set;
    usePresence('chat', { data: { mood } });
    return usePresence('other').status;
  };
  const { server, text, wait } = await open(Room);
  await wait(100);
  await act(() => setMood('tired'));
  await wait(100);
  const said = server.frames('Presence').map(({ data }) => [data['topic'], data['action'], data['data']]);
  expect(said.at(-1)).toEqual(['chat', 'enter', { mood: 'tired' }]);
  expect([new Set(said.map(([topic]) => topic)), text()]).toEqual([new Set(['chat']), 'live']);
});

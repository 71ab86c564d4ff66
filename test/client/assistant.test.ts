/** The assistant in the client library, against a real node: answers as loops and as a store, over breaks of every kind. */
import { createElement, StrictMode, type ReactNode } from 'react';
import { act, create } from 'react-test-renderer';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { assistant as assistantApp } from '../../src/apps/assistant/app.ts';
import { LocalProvider, type Script } from '../../src/apps/assistant/providers/local.ts';
import { conversations } from '../../src/apps/conversations/app.ts';
import { answerOf, assistant, type Answer, type AssistantChat } from '../../src/client/assistant/index.ts';
import { conversations as chats } from '../../src/client/conversations/index.ts';
import type { Client } from '../../src/client/index.ts';
import { useAssistant } from '../../src/client/react/assistant.ts';
import { SignalboxProvider } from '../../src/client/react/index.ts';
import { systemScheduler } from '../../src/telemetry/system-clock.ts';
import { eventually } from '../harness/deadline.ts';
import { POSTGRESQL, startPostgresql, type PostgresqlServer } from '../harness/postgresql-server.ts';
import { openServer, type TestServer } from '../harness/server.ts';
import { clientOf } from './rig.ts';

const LONG = Array.from({ length: 30 }, (_, at) => `word${at} 👍`).join(' ');

/** By the last line of the question. */
const SCRIPTS: Readonly<Record<string, Script>> = {
  short: { answer: 'Yes, and the sum is 12 €.', paceMs: 2 },
  long: { answer: LONG, paceMs: 15 },
  hang: { answer: 'it begins', hangs: true },
  refused: { failure: 'unauthorized' },
  late: { delayMs: 300, failure: 'unauthorized' },
  half: { answer: 'half of it', failsAfter: 2, failure: 'cut' },
};

async function textOf(answer: Answer): Promise<string> {
  let text = '';
  for await (const piece of answer) text += piece;
  return text;
}

describe.skipIf(POSTGRESQL === null)('the assistant of the client library', () => {
  let postgresql: PostgresqlServer;
  let server: TestServer;
  beforeAll(async () => {
    const script = ({ turns }: { readonly turns: readonly { readonly text: string }[] }) =>
      SCRIPTS[turns.at(-1)?.text.split('\n\n').at(-1) ?? ''];
    const provider = new LocalProvider({ paceMs: 1, script }, systemScheduler);
    postgresql = await startPostgresql();
    const limits = {
      'database.url': await postgresql.database(),
      'database.migrate': 'true',
      'apps.assistant.sessions_per_hour': '1000',
      'apps.assistant.active_sessions': '1000',
      'apps.assistant.messages_per_minute': '20',
      'rate_limiting.enabled': 'false',
    };
    server = await openServer(limits, [conversations(), assistantApp({ provider })]);
  });
  afterAll(async () => {
    await server.stop();
    postgresql.end();
  });

  const begun = async (user: string): Promise<{ readonly client: Client; readonly chat: AssistantChat }> => {
    const client = clientOf(server, user);
    const { id } = await assistant(client).begin({ clientName: 'Acme' });
    return { client, chat: assistant(client).open(id) };
  };
  const cut = (): void => {
    for (const connection of server.running.node.connections) connection.transport?.terminate();
  };
  const contents = (chat: AssistantChat): unknown[] => chat.getSnapshot().messages.map(({ content }) => content);

  test('L-03, L-04: a question is there at once, its answer is a loop over pieces and a promise of the end, and no text is shown twice', async () => {
    const { chat, client } = await begun('ada');
    const shown: string[] = [];
    const stop = chat.subscribe(() => {
      const { messages, answer } = chat.getSnapshot();
      shown.push([...messages.map(({ content }) => content), ...(answer ? [`… ${answer.text}`] : [])].join(' | '));
    });
    const answer = chat.ask('long');
    expect(chat.getSnapshot().messages).toMatchObject([{ content: 'long', mine: true, status: 'sending' }]);
    const pieces: string[] = [];
    for await (const piece of answer) pieces.push(piece);
    expect(pieces.join('')).toBe(LONG);
    expect(pieces.length).toBeGreaterThan(3);
    expect(await answer.final).toMatchObject({
      status: 'done',
      question: 1,
      attempt: 1,
      text: LONG,
      sequence: 2,
      ending: 'done',
      model: 'local',
    });
    await eventually(() => chat.getSnapshot().answer === undefined, 'the answer to be a message');
    expect(contents(chat)).toEqual(['long', LONG]);
    const [, last] = chat.getSnapshot().messages;
    expect(last && answerOf(last)).toMatchObject({ status: 'done', attempt: 1 });
    const isRight = (text: string): boolean =>
      text === `long | ${LONG}` || `long | … ${LONG}`.startsWith(text) || text === '';
    expect(shown.filter((text) => !isRight(text))).toEqual([]);
    // The store of the conversation is the same one, and asks as well.
    expect(chats(client).open(chat.id).getSnapshot().messages).toBe(chat.getSnapshot().messages);
    chats(client).open(chat.id).send('short');
    await eventually(() => contents(chat).length === 4, 'the second answer');
    stop();
  });

  test('L-04: the network breaks before the confirmation and in mid-answer: it is asked once, and the loop has every word once', async () => {
    const { chat } = await begun('bob');
    for (const [at, delay] of [0, 30, 200].entries()) {
      const answer = chat.ask('long');
      const text = textOf(answer);
      for (const again of [delay, delay + 60, delay + 120]) {
        await new Promise((resolve) => {
          setTimeout(resolve, again);
        });
        cut();
      }
      expect(await text).toBe(LONG);
      expect(await answer.final).toMatchObject({ status: 'done', text: LONG, attempt: 1 });
      expect(contents(chat).filter((content) => content === 'long')).toHaveLength(at + 1);
    }
  });

  test('L-04: who opens it in mid-answer sees what was said so far and goes on; both end with the same', async () => {
    const { chat } = await begun('cyd');
    const first = textOf(chat.ask('long'));
    await eventually(() => chat.getSnapshot().answer?.text.includes('word5') === true, 'five words');
    const second = assistant(clientOf(server, 'cyd')).open(chat.id);
    const stop = second.subscribe(() => {});
    await eventually(() => (second.getSnapshot().answer?.text ?? '').startsWith('word0'), 'what was said so far');
    const current = await second.current();
    expect(current && (await textOf(current))).toBe(LONG);
    expect(await first).toBe(LONG);
    await eventually(() => second.getSnapshot().answer === undefined, 'the answer to be a message');
    expect(contents(second)).toEqual(['long', LONG]);
    expect(await second.current()).toBe(null);
    stop();
  });

  test('an answer is stopped by its promise, by a signal and by another device, and asked for again', async () => {
    const { chat } = await begun('dan');
    const asking = new AbortController();
    const answer = chat.ask('hang', { signal: asking.signal });
    for await (const piece of answer) {
      expect(piece).toMatch(/^it/);
      break;
    }
    asking.abort();
    expect(await answer.final).toMatchObject({ status: 'stopped', text: 'it begins' });
    expect(await answer.stop()).toBe(false);
    const again = chat.again();
    const loop = textOf(again);
    await eventually(() => again.text === 'it begins', 'its second beginning');
    expect(await again.stop()).toBe(true);
    expect([await loop, (await again.final).attempt]).toEqual(['it begins', 2]);
    const third = chat.again();
    await eventually(() => third.text === 'it begins', 'its third beginning');
    expect(await assistant(clientOf(server, 'dan')).open(chat.id).stop()).toBe(true);
    expect(await third.final).toMatchObject({ status: 'stopped', attempt: 3 });
    expect(await chat.stop()).toBe(false);
    const { reason } = (await chat
      .ask('hang', { signal: asking.signal })
      .final.catch((error: { reason: string }) => error)) as { reason: string };
    expect([reason, contents(chat)]).toEqual(['aborted', ['hang', 'it begins', 'it begins', 'it begins']]);
  });

  test('L-05: an answer that fails rejects with what there is of it, stays in sight without a message, and can be asked for again', async () => {
    const { chat } = await begun('eve');
    const stop = chat.subscribe(() => {});
    await expect(chat.ask('refused').final).rejects.toMatchObject({
      reason: 'answer_failed',
      details: { status: 'failed', failure: 'unauthorized', text: '' },
    });
    expect(chat.getSnapshot().answer).toMatchObject({ status: 'failed', failure: 'unauthorized', text: '' });
    // A page that is loaded now is told as well.
    const other = assistant(clientOf(server, 'eve')).open(chat.id);
    other.subscribe(() => {});
    await eventually(() => other.getSnapshot().answer?.status === 'failed', 'the failure');
    await expect(chat.again().final).rejects.toMatchObject({ details: { attempt: 2 } });
    await expect(textOf(chat.ask('half'))).rejects.toMatchObject({
      details: { status: 'failed', failure: 'cut', text: 'half of ', sequence: 3 },
    });
    expect(contents(chat)).toEqual(['refused', 'half', 'half of ']);
    // One that fails while nobody hears it.
    const late = chat.ask('late');
    await eventually(() => chat.getSnapshot().answer?.question === 4, 'its beginning');
    cut();
    await expect(late.final).rejects.toMatchObject({ reason: 'answer_failed', details: { failure: 'unauthorized' } });
    expect(await textOf(chat.ask('short'))).toBe('Yes, and the sum is 12 €.');
    stop();
  });

  test('L-17: a question that is refused rejects with the reason, stays as failed, and is asked again or taken away', async () => {
    const { chat } = await begun('fay');
    const stop = chat.subscribe(() => {});
    const hanging = chat.ask('hang');
    await eventually(() => hanging.text !== '', 'the beginning');
    const busy = chat.ask('short');
    await expect(busy.final).rejects.toMatchObject({ reason: 'wrong_state' });
    await expect(textOf(busy)).rejects.toMatchObject({ reason: 'wrong_state' });
    await hanging.stop();
    await hanging.final;
    const failed = chat.getSnapshot().messages.find(({ status }) => status === 'failed');
    const retried = chat.retry(failed?.key ?? '');
    expect(await retried?.final).toMatchObject({ status: 'done' });
    await expect(chat.ask('x'.repeat(4_001)).final).rejects.toMatchObject({ reason: 'invalid_field' });
    const long = chat.getSnapshot().messages.find(({ status }) => status === 'failed');
    expect([chat.discard(long?.key ?? ''), chat.retry('none')]).toEqual([true, undefined]);
    expect(contents(chat)).toEqual(['hang', 'it begins', 'short', 'Yes, and the sum is 12 €.']);
    for (let asked = 2; asked < 20; asked += 1) await chat.ask('short').final;
    await expect(chat.ask('short').final).rejects.toMatchObject({ reason: 'rate_limited', code: 429 });
    stop();
  });

  test('L-11: another user’s session is refused as one that is not there, and a client that is closed ends its answers', async () => {
    const { chat, client } = await begun('gus');
    const other = assistant(clientOf(server, 'hal'));
    await expect(other.ask(chat.id, 'short').final).rejects.toMatchObject({ reason: 'not_found' });
    const hanging = chat.ask('hang');
    await eventually(() => hanging.text !== '', 'the beginning');
    await client.close();
    await expect(hanging.final).rejects.toMatchObject({ reason: 'closed' });
  });

  test('L-11, L-13: sessions are begun, listed, changed, deleted and restored', async () => {
    const { chat, client } = await begun('ivy');
    const all = assistant(client);
    expect(await all.session(chat.id)).toMatchObject({ clientName: 'Acme', status: 'active' });
    expect(await all.change(chat.id, { status: 'closed' })).toMatchObject({ status: 'closed' });
    expect((await all.sessions({ limit: 5 })).sessions.map(({ id }) => id)).toEqual([chat.id]);
    await all.delete(chat.id);
    expect(await all.sessions()).toEqual({ sessions: [], cursor: null });
    expect(await all.restore(chat.id)).toMatchObject({ id: chat.id });
  });

  test('L-40: mounted twice by React it is one connection, an answer goes on without its component, and both show the same', async () => {
    const { chat, client } = await begun('jan');
    const world = globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean | undefined };
    const before = world.IS_REACT_ACT_ENVIRONMENT;
    world.IS_REACT_ACT_ENVIRONMENT = true;
    onTestFinished(() => {
      world.IS_REACT_ACT_ENVIRONMENT = before;
    });
    let sockets = 0;
    client.on('state', ({ status }) => {
      if (status === 'connected') sockets += 1;
    });
    const used: AssistantChat[] = [];
    const Talk = (): string => {
      const { messages, answer, chat: store } = useAssistant(chat.id);
      used.push(store);
      return [...messages.map(({ content }) => content), ...(answer ? [`… ${answer.text}`] : [])].join(' | ');
    };
    const tree = (shown: ReactNode): ReactNode =>
      createElement(StrictMode, null, createElement(SignalboxProvider, { client }, shown));
    let root: ReturnType<typeof create> | undefined;
    await act(() => {
      root = create(tree(createElement(Talk)));
    });
    const shows = (text: RegExp): Promise<void> =>
      act(() => eventually(() => text.test(String(root?.toJSON())), `the page to show ${String(text)}`));
    await act(async () => {
      used[0]?.ask('long');
    });
    await shows(/^long \| … word0 👍 word1/);
    await act(() => root?.update(tree(null)));
    await act(() => root?.update(tree(createElement(Talk))));
    await shows(/^long \| word0 .* word29 👍$/);
    await act(() => root?.unmount());
    expect([sockets, new Set(used).size]).toEqual([0, 1]);
  });
});

/** What a topic brings, to how many readers, from where on; on virtual time. */
import { describe, expect, test } from 'vitest';
import { collect, rig } from './test-rig.ts';

describe('readers share a topic', () => {
  test('taken, let go and taken again within a moment: one subscription and no further frame', async () => {
    const { client, server, pass } = rig();
    const first = collect(client.topic('a'));
    first.stop();
    const second = collect(client.topic('a'));
    await pass(100);
    second.stop();
    await pass(900);
    const third = collect(client.topic('a'));
    await pass(5_000);
    expect(server.frames('Subscribe').length).toBe(1);
    expect(server.frames('Unsubscribe')).toEqual([]);
    server.publish('a', 'one');
    await pass(10);
    expect([first, third]).toEqual([[], ['live', 'one']]);
  });

  test('a second after the last one is gone it is unsubscribed, and no sooner', async () => {
    const { client, server, pass } = rig();
    const [one, two] = [collect(client.topic('a')), collect(client.topic('a'))];
    await pass(100);
    one.stop();
    await pass(10_000);
    expect(client.topic('a').state).toBe('live');
    two.stop();
    await pass(990);
    expect(server.frames('Unsubscribe')).toEqual([]);
    await pass(20);
    expect(server.frames('Unsubscribe').map(({ data }) => data)).toEqual([{ topics: ['a'] }]);
    expect(client.topic('a').state).toBe('stopped');
  });

  test('who comes later begins where the others are, or where it asks to', async () => {
    const { client, server, pass } = rig();
    for (const text of ['1', '2', '3']) server.publish('a', text);
    const first = collect(client.topic('a'));
    await pass(10);
    for (const text of ['4', '5', '6']) server.publish('a', text);
    await pass(10);
    const epoch = client.topic('a').position?.epoch ?? '';
    const live = collect(client.topic('a'), { since: 'live' });
    const all = collect(client.topic('a'), { since: 'earliest' });
    const tail = collect(client.topic('a'), { since: { last: 2 } });
    const from = collect(client.topic('a'), { since: { epoch, sequence: 3 } });
    server.publish('a', '7');
    await pass(10);
    server.publish('a', '8');
    await pass(10);
    expect(first).toEqual(['live', '4', '5', '6', '7', '8']);
    expect(live).toEqual(['live', '7', '8']);
    expect(all).toEqual(['1', '2', '3', '4', '5', '6', '7', 'live', '8']);
    expect(tail.filter((text) => text !== 'live')).toEqual(['6', '7', '8']);
    expect(from.filter((text) => text !== 'live')).toEqual(['4', '5', '6', '7', '8']);
    expect(server.frames('Subscribe').length).toBe(1);
  });

  test('one page of the log is one request, also for a handler that takes each message at once', async () => {
    const { client, server, pass } = rig();
    for (const text of ['1', '2', '3', '4']) server.publish('a', text);
    collect(client.topic('a'));
    await pass(10);
    const tail = collect(client.topic('a'), { since: { last: 3 } });
    await pass(100);
    expect(tail).toEqual(['2', '3', '4', 'live']);
    expect(server.frames('History').length).toBe(1);
  });

  test.each([
    ['earliest', ['1', '2', '3']],
    [{ last: 2 }, ['2', '3']],
    ['live', []],
  ] as const)('alone, since %j', async (since, expected) => {
    const { client, server, pass } = rig();
    for (const text of ['1', '2', '3']) server.publish('a', text);
    const items = collect(client.topic('a'), { since });
    await pass(20);
    server.publish('a', '4');
    await pass(10);
    expect(items).toEqual([...expected, 'live', '4']);
  });

  test.each(['earliest', { last: 2 }] as const)('a topic that nobody has used yet, since %j', async (since) => {
    const { client, server, pass } = rig();
    const first = collect(client.topic('a'), { since });
    await pass(100);
    const second = collect(client.topic('a'), { since });
    await pass(100);
    server.publish('a', '1');
    await pass(100);
    expect([first, second]).toEqual([
      ['live', '1'],
      ['live', '1'],
    ]);
    expect(server.frames('History').length).toBeLessThan(4);
  });

  test('a topic that nobody had used, and whose log has lost its beginning since, has a gap', async () => {
    const { client, server, pass } = rig();
    for (const text of ['1', '2', '3']) server.publish('a', text);
    server.trim('a', 1);
    // What the server says of a topic that nobody has used: the place where a reader stands that was told so.
    const items = collect(client.topic('a'), { since: { epoch: '', sequence: 0 } });
    await pass(100);
    expect(items).toEqual(['gap 1..2', '3', 'live']);
  });

  test('a thousand topics are asked for in frames of a hundred', async () => {
    const { client, server, pass } = rig();
    for (let at = 0; at < 1_000; at += 1) collect(client.topic(`t.${at}`));
    await pass(10);
    expect(server.frames('Subscribe').map(({ data }) => (data['topics'] as unknown[]).length)).toEqual(
      Array.from({ length: 10 }, () => 100),
    );
  });
});

describe('positions', () => {
  test('what was handled is not shown again, what was not is', async () => {
    const { client, server, pass } = rig({ lingerMs: 0 });
    const topic = client.topic('a');
    const first = topic.items();
    const shown: unknown[] = [];
    const read = async (count: number): Promise<void> => {
      for (let at = 0; at < count; at += 1) shown.push((await first.next()).value);
    };
    const reading = read(3);
    await pass(10);
    for (const text of ['1', '2', '3']) server.publish('a', text);
    await pass(10);
    await reading;
    expect(shown).toMatchObject([{ kind: 'live' }, { payload: '1' }, { payload: '2' }]);
    await first.return?.();
    await pass(10);
    const second = collect(topic);
    await pass(10);
    expect(second).toEqual(['2', '3', 'live']);
  });

  test('an iterator ends with its signal, with its loop, and with the client', async () => {
    const { client, server, pass } = rig({ lingerMs: 0 });
    const abort = new AbortController();
    const ends: string[] = [];
    const read = async (name: string, signal?: AbortSignal): Promise<void> => {
      for await (const item of client.topic('a').items(signal === undefined ? {} : { signal }))
        if (item.kind === 'message' && name === 'loop') break;
      ends.push(name);
    };
    const reads = [read('signal', abort.signal), read('loop'), read('client')];
    await pass(10);
    server.publish('a', '1');
    await pass(10);
    expect(ends).toEqual(['loop']);
    abort.abort();
    await pass(10);
    expect(ends).toEqual(['loop', 'signal']);
    await client.close();
    await Promise.all(reads);
    expect(ends).toEqual(['loop', 'signal', 'client']);
  });

  test('handlers run one after the other, also when they wait, and one that throws holds nothing up', async () => {
    const { client, server, pass } = rig();
    const seen: string[] = [];
    const problems: string[] = [];
    client.topic('a').on({
      message: async ({ payload }) => {
        seen.push(`begin ${String(payload)}`);
        await new Promise<void>((resolve) => {
          server.clock.after(100, resolve);
        });
        seen.push(`end ${String(payload)}`);
        if (payload === '1') throw new Error('broken');
      },
      gap: () => {},
      error: ({ reason }) => problems.push(reason),
    });
    await pass(10);
    server.publish('a', '1');
    server.publish('a', '2');
    await pass(1_000);
    expect(seen).toEqual(['begin 1', 'end 1', 'begin 2', 'end 2']);
    expect(problems).toEqual(['handler_failed']);
    expect(client.topic('a').position?.sequence).toBe(2);
  });
});

describe('holes', () => {
  test('what the log has lost is a gap in its place', async () => {
    const { client, server, pass } = rig();
    const items = collect(client.topic('a'));
    await pass(10);
    server.publish('a', '1');
    await pass(10);
    server.cut();
    for (const text of ['2', '3', '4', '5']) server.publish('a', text);
    server.trim('a', 2);
    await pass(1_000);
    expect(items).toEqual(['live', '1', 'gap 2..3', '4', '5', 'live']);
  });

  test('a log that began anew is a gap, and it goes on from there', async () => {
    const { client, server, pass } = rig();
    const items = collect(client.topic('a'));
    await pass(10);
    for (const text of ['1', '2', '3']) server.publish('a', text);
    await pass(10);
    server.cut();
    server.loseHistory('a');
    server.publish('a', 'new 1');
    await pass(1_000);
    server.publish('a', 'new 2');
    await pass(10);
    expect(items).toEqual(['live', '1', '2', '3', 'gap lost', 'live', 'new 2']);
  });

  test('one that nobody announced is asked for again and reported', async () => {
    const { client, server, pass } = rig();
    const violations: string[] = [];
    client.on('violation', (topic) => violations.push(topic));
    const items = collect(client.topic('a'));
    await pass(10);
    server.publish('a', '1');
    server.skip('a');
    server.publish('a', '3');
    await pass(1_000);
    expect(items).toEqual(['live', '1', 'skipped', '3', 'live']);
    expect(violations).toEqual(['a']);
  });

  test('ephemeral topics are live at once and keep nothing', async () => {
    const { client, server, pass } = rig({ server: { ephemeral: 'typing.' } });
    const items = collect(client.topic('typing.a'));
    const tail = collect(client.topic('typing.a'), { since: { last: 5 } });
    await pass(10);
    server.publish('typing.a', 'x');
    await pass(10);
    server.cut();
    server.publish('typing.a', 'y');
    await pass(1_000);
    server.publish('typing.a', 'z');
    await pass(10);
    expect(items).toEqual(['live', 'x', 'live', 'z']);
    expect(tail.filter((text) => text !== 'live')).toEqual(['x', 'z']);
    expect(client.topic('typing.a').position).toBeUndefined();
  });
});

describe('a reader that is slow', () => {
  test('leaves the topic above its buffer, comes back by position, and loses nothing', async () => {
    const { client, server, pass } = rig({ buffer: { maxMessages: 10 } });
    const seen: unknown[] = [];
    let release = (): void => {};
    client.topic('a').on({
      message: ({ payload }) => {
        seen.push(payload);
        return new Promise<void>((resolve) => {
          release = resolve;
        });
      },
      gap: () => seen.push('gap'),
    });
    await pass(10);
    for (let at = 0; at < 200; at += 1) server.publish('a', at);
    await pass(100);
    expect(client.topic('a').state).toBe('paused');
    expect(server.frames('Unsubscribe').length).toBe(1);
    for (let at = 200; at < 300; at += 1) server.publish('a', at);
    while (seen.length < 300) {
      release();
      await pass(5);
    }
    expect(seen).toEqual(Array.from({ length: 300 }, (_, at) => at));
    release();
    await pass(10);
    expect(client.topic('a').state).toBe('live');
  });

  test('does not hold up the others, and catches up from the log', async () => {
    const { client, server, pass } = rig({ buffer: { maxMessages: 10 } });
    const fast = collect(client.topic('a'));
    const seen: unknown[] = [];
    let release = (): void => {};
    client.topic('a').on({
      message: ({ payload }) => {
        seen.push(payload);
        return new Promise<void>((resolve) => {
          release = resolve;
        });
      },
      gap: () => seen.push('gap'),
    });
    await pass(10);
    for (let at = 0; at < 100; at += 1) server.publish('a', at);
    await pass(10);
    expect(fast.length).toBe(101);
    while (seen.length < 100) {
      release();
      await pass(5);
    }
    server.publish('a', 'last');
    release();
    await pass(10);
    release();
    await pass(10);
    expect(seen).toEqual([...Array.from({ length: 100 }, (_, at) => at), 'last']);
    expect(server.frames('Unsubscribe')).toEqual([]);
  });

  test('of an ephemeral topic is told how many it missed', async () => {
    const { client, server, pass } = rig({ buffer: { maxMessages: 3 }, server: { ephemeral: 't' } });
    const seen: unknown[] = [];
    let release = (): void => {};
    client.topic('t').on({
      message: ({ payload }) => {
        seen.push(payload);
        return new Promise<void>((resolve) => {
          release = resolve;
        });
      },
      gap: ({ count }) => seen.push(`gap ${count}`),
    });
    await pass(10);
    for (let at = 0; at < 10; at += 1) server.publish('t', at);
    await pass(10);
    for (let times = 0; times < 4; times += 1) {
      release();
      await pass(5);
    }
    server.publish('t', 'later');
    await pass(10);
    expect(seen).toEqual([0, 1, 2, 3, 'gap 6', 'later']);
  });
});

describe('refusals', () => {
  test('for good: the reader is told, the others go on, a new reader asks again', async () => {
    const { client, server, pass } = rig();
    server.reject('secret', 'not_allowed');
    const [bad, good] = [collect(client.topic('secret')), collect(client.topic('a'))];
    await pass(10_000);
    expect([bad, good]).toEqual([['error not_allowed'], ['live']]);
    expect([client.topic('secret').state, server.frames('Subscribe').length]).toEqual(['rejected', 1]);
    server.reject('secret', null);
    const again = collect(client.topic('secret'));
    await pass(10);
    expect(again).toEqual(['live']);
  });

  test('for a time: asked again, with a back-off of its own', async () => {
    const { client, server, pass } = rig();
    server.reject('a', 'topic_limit');
    const items = collect(client.topic('a'));
    await pass(20_000);
    const times = server.frames('Subscribe').length;
    expect(times).toBeGreaterThan(3);
    expect(times).toBeLessThan(10);
    server.reject('a', null);
    await pass(20_000);
    expect(items).toEqual(['live']);
  });

  test('of the whole frame: asked again', async () => {
    const { client, server, pass } = rig();
    server.fail('Subscribe', 'rate_limited', 2, 1_000);
    const items = collect(client.topic('a'));
    await pass(5_000);
    expect(items).toEqual(['live']);
  });
});

describe('topics that the server gives', () => {
  test('come once however they are read, stay when the last reader goes, and go on where they were', async () => {
    const { client, server, pass } = rig({ lingerMs: 0, server: { given: ['a'] }, connect: 'now' });
    await pass(10);
    server.publish('a', 'unread');
    await pass(10);
    const first = collect(client.topic('a'));
    await pass(10);
    server.publish('a', '1');
    await pass(10);
    first.stop();
    await pass(1_000);
    expect(server.frames('Unsubscribe')).toEqual([]);
    server.publish('a', '2');
    await pass(10);
    const second = collect(client.topic('a'));
    await pass(10);
    server.cut();
    server.publish('a', '3');
    await pass(500);
    server.publish('a', '4');
    await pass(1_000);
    expect([first, second]).toEqual([
      ['live', '1'],
      ['2', 'live', '3', 'live', '4'],
    ]);
  });

  test('later, by a backend, end when the backend takes them, and their readers are told', async () => {
    const { client, server, pass } = rig({ connect: 'now' });
    await pass(10);
    server.give('a', 'b');
    const items = collect(client.topic('a'));
    await pass(10);
    server.publish('a', '1');
    await pass(10);
    server.take('a', 'b');
    server.publish('a', '2');
    await pass(1_000);
    expect([items, client.topic('a').state]).toEqual([['live', '1', 'error unsubscribed'], 'rejected']);
    const again = collect(client.topic('a'));
    for (const each of [items, again]) each.stop();
    await pass(2_000);
    expect(server.frames('Unsubscribe').map(({ data }) => data)).toEqual([{ topics: ['a'] }]);
  });
});

/** Faults of an application end in a typed error where it can see them, and harm nothing else. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import {
  createClient,
  isSignalboxError,
  type Client,
  type ClientOptions,
  type TokenSource,
} from '../../src/client/index.ts';
import { guarded, storageOn, type Backend } from '../../src/client/persist/index.ts';
import { eventually, within } from '../harness/deadline.ts';
import { openServer, type TestServer } from '../harness/server.ts';
import { tokenOf } from '../harness/tokens.ts';
import { clientOf, Reading } from './rig.ts';
import { nothingUnhandled, withMember } from './unhandled.ts';
import { queueOf } from '../../src/client/queue/index.ts';

nothingUnhandled();

let server: TestServer;
/** A topic that no other test has used. */
let T = '';
let tests = 0;
beforeAll(async () => {
  server = await openServer();
});
afterAll(() => server.stop());
beforeEach(() => {
  tests += 1;
  T = `chat.${tests}`;
});

/** Reasons of the errors that a client tells. */
function errorsOf(client: Client): string[] {
  const reasons: string[] = [];
  client.on('error', ({ reason }) => reasons.push(reason));
  return reasons;
}

function client(options: Record<string, unknown>): Client {
  const made = createClient({ backoff: { minMs: 10, maxMs: 20 }, ...options } as unknown as ClientOptions);
  onTestFinished(() => made.close());
  return made;
}

/** Timers of this length go off soon, once; others as they should. */
function hurried(ms: number): (ms: number, work: () => void) => () => void {
  let isFirst = true;
  return (delay, work) => {
    const timer = setTimeout(work, isFirst && delay === ms ? 20 : delay);
    if (delay === ms) isFirst = false;
    return () => clearTimeout(timer);
  };
}

function fail(): never {
  throw new Error('a fault of the application');
}

async function reasonOf(promise: Promise<unknown>): Promise<string> {
  const problem: unknown = await within(
    promise.then(
      () => 'no error',
      (error: unknown) => error,
    ),
    'the end of a promise',
  );
  return isSignalboxError(problem) ? problem.reason : String(problem);
}

describe('a URL', () => {
  test.each([
    ['nothing', undefined],
    ['null', null],
    ['a number', 8_081],
    ['an empty text', ''],
    ['no URL', 'nonsense'],
    ['a path', '/ws'],
    ['another scheme', 'ftp://127.0.0.1/ws'],
    ['a fragment', 'ws://127.0.0.1/ws#top'],
    ['a port that is none', 'ws://127.0.0.1:99999/ws'],
    ['spaces', 'ws://not a host/'],
  ])('%s: the client closes and says so, in its state and by every promise', async (_name, url) => {
    const bad = client({ url });
    const reading = new Reading(bad.topic(T));
    expect(await reasonOf(bad.topic(T).publish(1))).toBe('invalid_url');
    expect(bad.state).toMatchObject({ status: 'closed', error: { reason: 'invalid_url', temporary: false } });
    expect(reading.errors).toMatchObject([{ reason: 'invalid_url' }]);
    expect(await reasonOf(bad.request('X-Vote'))).toBe('invalid_url');
    expect(await reasonOf(bad.topic(T).items().next())).toBe('invalid_url');
  });

  test.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('no configuration');
      },
    ],
    ['rejects', () => Promise.reject(new Error('no configuration'))],
    ['rejects with nothing', () => Promise.reject()],
    ['answers nothing', () => undefined],
    ['answers null', () => null],
    ['answers a number', () => 5],
    ['resolves to nothing', () => Promise.resolve()],
    ['resolves to an object', () => Promise.resolve({ url: 'ws://127.0.0.1/ws' })],
  ])('a function that %s is told and asked again, and the queue keeps what it has', async (_name, wrong) => {
    let answer = wrong;
    const patient = client({ url: () => answer(), token: () => tokenOf('alice') });
    const errors = errorsOf(patient);
    const receipt = patient.topic(T).publish('kept');
    await eventually(() => errors.length >= 2, 'two errors');
    expect([new Set(errors), queueOf(patient).stats().messages]).toEqual([new Set(['invalid_url']), 1]);
    answer = () => `ws://127.0.0.1:${server.port}/ws`;
    expect(await within(receipt, 'the receipt')).toMatchObject({ sequence: 1 });
  });

  test('a function that never answers is told, and asked again', async () => {
    let asked = 0;
    const patient = client({
      url: () => ((asked += 1) === 1 ? new Promise(() => {}) : `ws://127.0.0.1:${server.port}/ws`),
      token: () => tokenOf('alice'),
      environment: { after: hurried(10_000) },
    });
    const errors = errorsOf(patient);
    expect(await within(patient.topic(T).publish('kept'), 'the receipt')).toMatchObject({ sequence: 1 });
    expect(errors).toEqual(['invalid_url']);
  });

  test('where nobody listens: it goes on trying soon, and the publish has the deadline that it was given', async () => {
    const patient = client({ url: 'ws://127.0.0.1:1/ws' });
    const causes: number[] = [];
    patient.on('state', (state) => state.status === 'waiting' && causes.push(state.cause));
    const late = reasonOf(patient.topic(T).publish(1, { deadlineMs: 500 }));
    await eventually(() => causes.length >= 3, 'three attempts', 4_000);
    expect(await late).toBe('deadline');
    expect(await reasonOf(patient.topic(T).publish(1, { whenOffline: 'reject' }))).toBe('offline');
    expect(new Set(causes)).toEqual(new Set([1006]));
  });

  test.each([
    ['answers 404', (status: (code: number) => void) => status(404)],
    ['answers 200', (status: (code: number) => void) => status(200)],
  ])('of a server that %s and no WebSocket: it waits and tries again', async (_name, answer) => {
    const http = createServer((_request, response) => answer((code) => response.writeHead(code).end('no')));
    http.on('upgrade', (_request, socket) => {
      // The client may cut it before it has read the end.
      socket.on('error', () => {});
      answer((code) => socket.end(`HTTP/1.1 ${code} No\r\nContent-Length: 0\r\n\r\n`));
    });
    await new Promise<void>((resolve) => {
      http.listen(0, '127.0.0.1', resolve);
    });
    onTestFinished(() => void http.close());
    const patient = client({ url: `ws://127.0.0.1:${(http.address() as AddressInfo).port}/ws`, connect: 'now' });
    let waits = 0;
    patient.on('state', ({ status }) => (waits += status === 'waiting' ? 1 : 0));
    await eventually(() => waits >= 2, 'two attempts');
  });
});

describe('a token', () => {
  test.each<[string, () => unknown]>([
    ['returns nothing', () => undefined],
    ['returns null', () => null],
    ['returns a number', () => 42],
    ['returns an empty text', () => ''],
    ['returns an object', () => ({ token: 'x' })],
    ['resolves to nothing', () => Promise.resolve()],
    ['resolves to a number', () => Promise.resolve(42)],
    [
      'throws',
      () => {
        throw new Error('no login server');
      },
    ],
    ['rejects', () => Promise.reject(new Error('no login server'))],
    ['rejects with nothing', () => Promise.reject()],
    ['answers something like a promise that throws', () => withMember('then', fail)],
  ])('a function that %s is told and asked again, and the queue keeps what it has', async (_name, wrong) => {
    let source = wrong as unknown as TokenSource;
    const patient = clientOf(server, 'alice', {
      token: (request) => (source as (asked: typeof request) => string)(request),
      backoff: { minMs: 10, maxMs: 20 },
    });
    const errors = errorsOf(patient);
    const receipt = patient.topic(T).publish('kept');
    await eventually(() => errors.length >= 2, 'two errors');
    expect([new Set(errors), queueOf(patient).stats().messages]).toEqual([new Set(['token_failed']), 1]);
    source = () => tokenOf('alice');
    expect(await within(receipt, 'the receipt')).toMatchObject({ sequence: 1 });
  });

  test('a function that never answers is aborted and told after 30 s, and asked again', async () => {
    const signals: AbortSignal[] = [];
    const patient = clientOf(server, 'alice', {
      token: ({ signal }) => {
        signals.push(signal);
        return signals.length === 1 ? new Promise<string>(() => {}) : tokenOf('alice');
      },
      environment: { after: hurried(30_000) },
    });
    const errors = errorsOf(patient);
    expect(await within(patient.topic(T).publish('kept'), 'the receipt')).toMatchObject({ sequence: 1 });
    expect([errors, signals[0]?.aborted]).toEqual([['token_failed'], true]);
  });

  test.each([
    ['a number', 42],
    ['null', null],
    ['a text with spaces', 'not a token'],
  ])('%s instead of a function: the client closes and says why', async (_name, token) => {
    const bad = clientOf(server, 'alice', { token: token as unknown as string });
    expect(await reasonOf(bad.topic(T).publish(1))).toMatch(/^(closed|invalid_url)$/);
    const { state } = bad;
    expect(state.status === 'closed' && state.error?.reason).toMatch(/^(token_invalid|invalid_url)$/);
  });
});

describe('a storage', () => {
  const GOOD: Backend = {
    load: () => Promise.resolve({ positions: {}, queue: [] }),
    save: () => Promise.resolve(),
    clear: () => Promise.resolve(),
  };
  const entry = { owner: 'x', key: 'good', type: 'Broadcast', to: '', payload: '"saved"', isStrict: false };

  test.each<[string, Partial<Record<keyof Backend, unknown>>, readonly string[]]>([
    ['throws when it is read', { load: fail }, ['storage_failed']],
    ['rejects when it is read', { load: () => Promise.reject(new Error('denied')) }, ['storage_failed']],
    ['is full: it throws', { save: fail }, ['storage_failed']],
    ['is full: it rejects', { save: () => Promise.reject(new Error('quota')) }, ['storage_failed']],
    ['holds nothing', { load: () => Promise.resolve() }, ['storage_failed']],
    ['holds null', { load: () => Promise.resolve({ positions: null, queue: null }) }, ['storage_failed']],
    ['holds texts', { load: () => Promise.resolve({ positions: 'a', queue: 'b' }) }, ['storage_failed']],
    ['claims badly', { claim: fail }, ['storage_failed']],
  ])('that %s is told once, and memory goes on', async (_name, parts, expected) => {
    const storage = storageOn({ ...GOOD, ...parts } as Backend);
    const careful = clientOf(server, 'alice', { storage });
    const errors = errorsOf(careful);
    const reading = new Reading(careful.topic(T));
    expect(await within(careful.topic(T).publish('one'), 'the receipt')).toMatchObject({ sequence: 1 });
    await careful.topic(T).publish('two');
    await reading.until(({ payloads }) => payloads.includes('two'), 'the second message');
    await careful.signOut();
    expect(errors).toEqual(expected);
  });

  test('records that are none are left out and told, and the good ones beside them are used', async () => {
    const saved = {
      positions: { [`${T}.1`]: { epoch: 5, sequence: 'x' }, [`${T}.2`]: 'nonsense', [`${T}.3`]: null },
      queue: [
        null,
        5,
        {},
        { ...entry, key: 7 },
        { ...entry, payload: '{' },
        { ...entry, to: T, createdAt: Date.now(), firstSentAt: null },
      ],
    };
    const careful = clientOf(server, 'alice', {
      storage: storageOn({ ...GOOD, load: () => Promise.resolve(saved as never) }),
    });
    const errors = errorsOf(careful);
    const readings = [1, 2, 3].map((at) => `${T}.${at}`).map((name) => new Reading(careful.topic(name)));
    await Promise.all(readings.map((reading) => reading.live()));
    const log = new Reading(clientOf(server, 'bob').topic(T), { since: 'earliest' });
    await log.count(1);
    expect([log.payloads, errors, queueOf(careful).stats().messages]).toEqual([['saved'], ['storage_failed'], 0]);
  });

  test.each(['open', 'commit', 'entry', 'flush', 'clear'] as const)(
    'of one’s own whose %s throws is told, and memory goes on',
    async (method) => {
      const storage = {
        open: () => Promise.resolve({ positions: {}, queue: [] }),
        commit: () => {},
        entry: () => {},
        flush: () => Promise.resolve(),
        clear: () => Promise.resolve(),
        [method]: fail,
      };
      const careful = clientOf(server, 'alice', { storage: guarded(storage) });
      const errors = errorsOf(careful);
      const reading = new Reading(careful.topic(T));
      for (const text of ['one', 'two']) await within(careful.topic(T).publish(text), 'the receipt');
      await reading.until(({ payloads }) => payloads.includes('two'), 'the second message');
      await careful.signOut();
      expect(new Set(errors)).toEqual(new Set(['storage_failed']));
    },
  );
});

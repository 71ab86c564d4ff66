/** Garbage over HTTP, where no WebSocket passes: the client says so or takes another way, comes back, and keeps what it has. */
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { Client } from '../../src/client/index.ts';
import { overHttp } from '../../src/client/sse/index.ts';
import { within } from '../harness/deadline.ts';
import { openServer, type TestServer } from '../harness/server.ts';
import { clientOf, Reading } from './rig.ts';
import { nothingUnhandled } from './unhandled.ts';

nothingUnhandled();

let server: TestServer;
/** A topic that no other test has used. */
let T = '';
let tests = 0;
beforeAll(async () => {
  server = await openServer({ 'rate_limiting.enabled': 'false' });
});
afterAll(() => server.stop());
beforeEach(() => {
  tests += 1;
  T = `chat.${tests}`;
});

type Path = 'sse' | 'poll' | 'frames';

/** The answer to the so-manieth request to a path is not the server's; all others are. */
function place(path: Path, at: number, answer: () => Response, transport: 'sse' | 'poll'): Client {
  const real = globalThis.fetch;
  let asked = 0;
  vi.stubGlobal('fetch', (url: string, how: RequestInit) => {
    if (new URL(url).pathname === `/${path}`) asked += 1;
    return asked === at && new URL(url).pathname === `/${path}` ? Promise.resolve(answer()) : real(url, how);
  });
  onTestFinished(() => void vi.unstubAllGlobals());
  // As if it had been found out before that no WebSocket passes.
  const memory = { getItem: () => `${transport} ${Date.now() + 3_600_000}`, setItem: () => {}, removeItem: () => {} };
  const fallback = overHttp({ transports: [transport], memory });
  return clientOf(server, 'alice', { fallback, backoff: { minMs: 5, maxMs: 10 } });
}

const TEXTS: [string, string][] = [
  ['nothing', ''],
  ['a page', '<!doctype html><title>502</title>'],
  ['null', 'null'],
  ['a number', '5'],
  ['an empty object', '{}'],
  ['an empty list', '[]'],
  ['a list of null', '[null]'],
  ['half of it', '{"items":[{"type":"Broad'],
  ['an error that says nothing', '{"error":null}'],
  ['an error of letters', '{"error":{"code":"x","reason":5}}'],
  ['lists that are none', '{"items":5,"gaps":null,"positions":"x","recovery":[],"rejected":{},"unavailable":1}'],
];

describe.each(TEXTS)('%s', (_name, text) => {
  test.each<[Path, number, number, 'sse' | 'poll']>([
    ['frames', 1, 200, 'sse'],
    ['frames', 2, 200, 'poll'],
    ['frames', 2, 502, 'poll'],
    ['poll', 1, 200, 'poll'],
    ['poll', 2, 200, 'poll'],
    ['poll', 2, 502, 'poll'],
    ['sse', 1, 200, 'sse'],
    ['sse', 2, 200, 'sse'],
    ['sse', 2, 502, 'sse'],
  ])('as answer to /%s number %i with status %i, over %s', async (path, at, status, transport) => {
    const body = path === 'sse' && status === 200 ? `event: frame\ndata: ${text}\n\n` : text;
    const client = place(path, at, () => new Response(body, { status }), transport);
    const reading = new Reading(client.topic(T));
    const receipts = [client.topic(T).publish(1), client.topic(T).publish(2)];
    expect(await within(Promise.all(receipts), 'the receipts')).toMatchObject([{ sequence: 1 }, { sequence: 2 }]);
    await reading.live();
    await client.topic(T).publish('last');
    await reading.until(({ payloads }) => payloads.includes('last'), 'the last message');
    expect(reading.kinds).not.toContain('gap');
  });
});

/** Questions to a real HTTP server that does everything wrong that a backend can do. */
import { createHmac } from 'node:crypto';
import { createServer, type AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Outcome } from '../../src/apps/webhooks/answers.ts';
import { Backend } from '../../src/apps/webhooks/backend.ts';
import type { BreakerState } from '../../src/apps/calling/circuit-breaker.ts';
import { Questions, type QuestionOptions } from '../../src/apps/webhooks/questions.ts';
import { keyOf, Signer } from '../../src/apps/webhooks/signature.ts';
import { systemClock, systemRandom, systemScheduler } from '../../src/telemetry/system-clock.ts';
import { eventually } from '../harness/deadline.ts';
import { freePort } from '../harness/free-port.ts';
import { startWebhookBackend, WEBHOOK_SECRET, WebhookBackend } from '../harness/webhook-backend.ts';

const MAX_ANSWER = 65_536;

interface Asker {
  readonly questions: Questions;
  readonly states: BreakerState[];
  readonly ask: () => Promise<Outcome<{ readonly allow: boolean }>>;
}

function askerOf(url: string, options: Partial<QuestionOptions> = {}, secret = WEBHOOK_SECRET): Asker {
  const states: BreakerState[] = [];
  const all: QuestionOptions = {
    timeoutMs: 5_000,
    atOnce: 50,
    waiting: 1_000,
    remembered: 100,
    breaker: { failures: 1_000, openMs: 60_000 },
    ...options,
  };
  const backend = new Backend(
    { url: new URL(url), connections: all.atOnce, maxAnswerBytes: MAX_ANSWER, userAgent: 'test' },
    systemScheduler,
  );
  onTestFinished(() => backend.close());
  const questions = new Questions(
    all,
    backend,
    new Signer([keyOf(secret) ?? Buffer.alloc(0)]),
    { clock: systemClock, scheduler: systemScheduler, random: systemRandom },
    { asked: () => {}, remembered: () => {}, breaker: (state) => states.push(state) },
  );
  const about = { user: 'alice', topic: 'chat.1' };
  return { questions, states, ask: () => questions.ask('subscribing', about, about) };
}

describe('an answer that can be used', () => {
  test('is taken, and what was sent was signed over its bytes', async () => {
    const backend = await startWebhookBackend();
    expect(await askerOf(backend.url).ask()).toEqual({ kind: 'answer', answer: { allow: true } });
    expect(backend.refusedSignatures).toEqual([]);
    expect(backend.calls).toMatchObject([{ type: 'subscribing', data: { user: 'alice', topic: 'chat.1' } }]);
  });

  test('may be a no, with words and a code', async () => {
    const backend = await startWebhookBackend(() => ({ allow: false, message: 'not a member', code: 'not_a_member' }));
    expect(await askerOf(backend.url).ask()).toMatchObject({ answer: { allow: false, code: 'not_a_member' } });
  });

  test('is remembered for the seconds that it names, until rights change', async () => {
    const backend = await startWebhookBackend(() => ({ allow: true, remember_secs: 60 }));
    const { ask, questions } = askerOf(backend.url);
    await ask();
    await ask();
    expect(backend.calls).toHaveLength(1);
    questions.forget();
    await ask();
    expect(backend.calls).toHaveLength(2);
  });

  test('that was under way when rights changed is not remembered', async () => {
    let answer: (value: object) => void = () => {};
    const backend = await startWebhookBackend(() => new Promise((resolve) => (answer = resolve)));
    const { ask, questions } = askerOf(backend.url);
    const first = ask();
    await eventually(() => backend.calls.length === 1, 'the question');
    questions.forget();
    answer({ allow: true, remember_secs: 60 });
    await first;
    const second = ask();
    await eventually(() => backend.calls.length === 2, 'the same question anew');
    answer({ allow: false });
    expect(await second).toMatchObject({ answer: { allow: false } });
  });
});

describe('signatures', () => {
  test('by another secret are refused by the backend: a wrong answer, and no yes', async () => {
    const backend = await startWebhookBackend();
    const other = `whsec_${Buffer.alloc(32, 9).toString('base64')}`;
    expect(await askerOf(backend.url, {}, other).ask()).toMatchObject({ kind: 'wrong', why: 'client_error' });
    expect(backend.refusedSignatures).toEqual(['wrong signature']);
  });

  test('do not fit bytes that somebody has changed, nor another time', async () => {
    const backend = await startWebhookBackend();
    const key = keyOf(WEBHOOK_SECRET) ?? Buffer.alloc(0);
    const now = Date.now();
    const body = '{"type":"subscribing","data":{"user":"alice"}}';
    const headers = new Signer([key]).headers('id', now, Buffer.from(body));
    const post = async (text: string, more: object = {}): Promise<number> =>
      (await fetch(backend.url, { method: 'POST', body: text, headers: { ...headers, ...more } })).status;
    expect(await post(body)).toBe(200);
    expect(await post(body.replace('alice', 'mallory'))).toBe(401);
    expect(await post(body, { 'webhook-timestamp': String(Math.floor(now / 1_000) + 1) })).toBe(401);
    expect(await post(body, { 'webhook-id': 'other' })).toBe(401);
    const old = new Signer([key]).headers('id', now - 600_000, Buffer.from(body));
    expect(await post(body, old), 'recorded ten minutes ago').toBe(401);
    // The whole scheme, without our code.
    const mac = createHmac('sha256', key).update(`id.${headers['webhook-timestamp']}.${body}`).digest('base64');
    expect(headers['webhook-signature']).toBe(`v1,${mac}`);
  });
});

describe('answers that are none', () => {
  test.each([
    ['redirect', 302, { location: 'http://127.0.0.1:1/' }, ''],
    ['client_error', 404, {}, '{"allow":true}'],
    ['client_error', 204, {}, ''],
    ['content_type', 200, { 'content-type': 'text/html' }, '{"allow":true}'],
    ['content_type', 200, {}, '{"allow":true}'],
    ['not_json', 200, { 'content-type': 'application/json' }, '{"allow":tru'],
    ['not_json', 200, { 'content-type': 'application/json' }, ''],
    ['schema', 200, { 'content-type': 'application/json' }, '{"allow":"true"}'],
    ['schema', 200, { 'content-type': 'application/json' }, '{"allow":true,"remeber_secs":5}'],
    ['schema', 200, { 'content-type': 'application/json; charset=utf-8' }, '[true]'],
  ])('%s: status %i', async (why, status, headers, body) => {
    const backend = await startWebhookBackend((_call, response) => {
      response.writeHead(status, headers).end(body);
    });
    expect(await askerOf(backend.url).ask()).toMatchObject({ kind: 'wrong', why });
  });

  test('a redirect is not followed, wherever it leads', async () => {
    const other = await startWebhookBackend();
    const backend = await startWebhookBackend((_call, response) => {
      response.writeHead(307, { location: other.url }).end();
    });
    expect(await askerOf(backend.url).ask()).toMatchObject({ kind: 'wrong', why: 'redirect' });
    expect(other.calls).toEqual([]);
  });

  test('ten megabytes are cut, and the rest of them is not read', async () => {
    let sent = 0;
    const backend = await startWebhookBackend(async (_call, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const piece = Buffer.alloc(65_536, 0x20);
      while (sent < 10_000_000 && !response.destroyed) {
        sent += piece.length;
        if (!response.write(piece)) await Promise.race([new Promise((go) => response.once('drain', go)), delay(500)]);
      }
      response.end('{"allow":true}');
    });
    expect(await askerOf(backend.url).ask()).toMatchObject({ kind: 'wrong', why: 'too_large' });
    await eventually(() => sent > 0, 'the answer to begin');
    expect(sent).toBeLessThan(10_000_000);
  });
});

describe('no answer', () => {
  test('in time', async () => {
    const backend = await startWebhookBackend(() => undefined);
    const startedAt = performance.now();
    expect(await askerOf(backend.url, { timeoutMs: 200 }).ask()).toMatchObject({ kind: 'down', why: 'timeout' });
    expect(performance.now() - startedAt).toBeLessThan(3_000);
  });

  test('an answer that comes byte by byte has the same time', async () => {
    const backend = await startWebhookBackend((_call, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const drip = setInterval(() => response.write(' '), 20);
      response.once('close', () => clearInterval(drip));
    });
    expect(await askerOf(backend.url, { timeoutMs: 300 }).ask()).toMatchObject({ kind: 'down', why: 'timeout' });
  });

  test.each([500, 502, 503, 429, 408])('status %i', async (status) => {
    const backend = await startWebhookBackend((_call, response) => {
      response.writeHead(status, { 'retry-after': '7' }).end();
    });
    expect(await askerOf(backend.url).ask()).toMatchObject({ kind: 'down', why: 'status', retryAfterMs: 7_000 });
  });

  test('from a backend that is away, and one as soon as it is there', async () => {
    const port = await freePort();
    const { ask } = askerOf(`http://127.0.0.1:${port}/`);
    expect(await ask()).toMatchObject({ kind: 'down', why: 'unreachable', detail: 'ECONNREFUSED' });
    const backend = await new WebhookBackend(keyOf(WEBHOOK_SECRET) ?? Buffer.alloc(0)).listen(port);
    onTestFinished(() => backend.close());
    expect(await ask()).toMatchObject({ kind: 'answer' });
  });

  test('when the connection breaks, before an answer or in the middle of it', async () => {
    let isInside = false;
    const backend = await startWebhookBackend((_call, response, request) => {
      if (isInside)
        response.writeHead(200, { 'content-type': 'application/json', 'content-length': 100 }).write('{"al');
      setTimeout(() => request.socket.resetAndDestroy(), 20);
    });
    const { ask } = askerOf(backend.url);
    expect(await ask()).toMatchObject({ kind: 'down', why: 'unreachable' });
    isInside = true;
    expect(await ask()).toMatchObject({ kind: 'down', why: 'unreachable' });
  });
});

describe('connections', () => {
  test('are kept: many questions, one after the other, need one', async () => {
    const backend = await startWebhookBackend();
    const { ask } = askerOf(backend.url);
    for (let n = 0; n < 20; n += 1) await ask();
    expect(backend.connections).toBe(1);
  });

  test('that the backend has closed meanwhile do not cost an answer', async () => {
    const backend = await startWebhookBackend((_call, response, request) => {
      // Says nothing of it, and closes with the next bytes that come.
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"allow":true}', () => {
        request.socket.removeAllListeners('data');
        request.socket.once('data', () => request.socket.resetAndDestroy());
      });
    });
    const { ask } = askerOf(backend.url);
    for (let n = 0; n < 4; n += 1) expect(await ask()).toMatchObject({ kind: 'answer' });
    expect(backend.connections).toBeGreaterThan(1);
  });

  test('are as many as questions may be under way; the others wait, and do not fail', async () => {
    let underWay = 0;
    let most = 0;
    const backend = await startWebhookBackend(async () => {
      underWay += 1;
      most = Math.max(most, underWay);
      await delay(20);
      underWay -= 1;
      return { allow: true };
    });
    const { ask } = askerOf(backend.url, { atOnce: 3, timeoutMs: 15_000 });
    const outcomes = await Promise.all(Array.from({ length: 30 }, ask));
    expect(outcomes.every(({ kind }) => kind === 'answer')).toBe(true);
    expect(most).toBe(3);
    expect(backend.connections).toBe(3);
  });

  test('those that may not even wait are told at once', async () => {
    const backend = await startWebhookBackend(() => undefined);
    const { ask } = askerOf(backend.url, { atOnce: 1, waiting: 1, timeoutMs: 1_000 });
    const [first, , third] = [ask(), ask(), ask()];
    expect(await Promise.race([first, third])).toMatchObject({ kind: 'down', why: 'busy' });
    expect(await first).toMatchObject({ kind: 'down', why: 'timeout' });
  });
});

describe('the circuit breaker', () => {
  test('opens when the backend does not answer, closes when it does, and asks nothing between', async () => {
    let isBroken = true;
    const backend = await startWebhookBackend((_call, response) => {
      if (!isBroken) return { allow: true };
      response.writeHead(500).end();
      return undefined;
    });
    const { ask, states } = askerOf(backend.url, { breaker: { failures: 3, openMs: 300 } });
    for (let n = 0; n < 3; n += 1) await ask();
    const outcomes = await Promise.all(Array.from({ length: 20 }, ask));
    expect(outcomes.every((outcome) => outcome.kind === 'down' && outcome.why === 'breaker_open')).toBe(true);
    expect(backend.calls).toHaveLength(3);
    isBroken = false;
    await delay(350);
    expect(await ask()).toMatchObject({ kind: 'answer' });
    expect(states).toEqual(['open', 'half_open', 'closed']);
  });

  test('a wrong answer is an answer: the backend is there', async () => {
    const backend = await startWebhookBackend(() => ({ allow: 'maybe' }));
    const { ask, states } = askerOf(backend.url, { breaker: { failures: 2, openMs: 60_000 } });
    for (let n = 0; n < 5; n += 1) await ask();
    expect(states).toEqual([]);
  });
});

test('a port on which something else speaks is no backend', async () => {
  const server = createServer((socket) => socket.end('SSH-2.0-OpenSSH_9.0\r\n')).listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await eventually(() => server.listening, 'the server');
  const { port } = server.address() as AddressInfo;
  expect(await askerOf(`http://127.0.0.1:${port}/`).ask()).toMatchObject({ kind: 'down', why: 'unreachable' });
});

import { expect, test } from 'vitest';
import { refusal, type Reason, type Refusal } from '../../protocol/errors.ts';
import type { JsonValue } from '../../protocol/frames.ts';
import { TestRig } from '../test-rig.ts';

type Answer = Readonly<Record<string, JsonValue>> | Refusal;

function rigWith(answer: Answer): TestRig {
  const handler = { writes: false, handle: (): Promise<Answer> => Promise.resolve(answer) };
  return new TestRig({ extensions: new Map([['X-a', handler]]) });
}

/** Lets the handler's promise settle. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
}

test('an answer that has the fields of a refusal is an answer', async () => {
  for (const answer of [
    { reason: 'not_allowed', message: 'why the order was returned' },
    { reason: 'too small', message: 'text', code: 1 },
  ]) {
    const client = rigWith(answer).connect();
    const id = client.send('X-a');
    await settled();
    expect(client.repliesTo(id)).toMatchObject([{ type: 'Status', data: { status: 'X-a', details: answer } }]);
  }
});

test('a refusal is one', async () => {
  const client = rigWith(refusal('rate_limited', 'later', 1_500)).connect();
  const id = client.send('X-a');
  await settled();
  expect(client.repliesTo(id)).toMatchObject([
    { type: 'Error', data: { code: 429, reason: 'rate_limited', message: 'later', retry_after_ms: 1_500 } },
  ]);
});

test('a refusal for a reason that there is not is a fault of the extension: told, put aside, and no end of the connection', async () => {
  for (const reason of ['no_such_reason', '__proto__', 'constructor']) {
    const rig = rigWith(refusal(reason as Reason, 'PLANTED'));
    const client = rig.connect();
    for (let time = 1; time <= 20; time += 1) {
      const id = client.send('X-a', { secret: 'PLANTED' });
      await settled();
      expect(client.repliesTo(id)).toMatchObject([{ type: 'Error', data: { code: 500, reason: 'internal' } }]);
      expect(rig.deadLetters.total).toBe(time);
    }
    expect(rig.deadLetters.list()[0]?.error).toContain(reason);
    expect(JSON.stringify(rig.deadLetters.list())).not.toContain('PLANTED');
    expect(client.ask('Ping').type).toBe('Pong');
  }
});

import { expect, test } from 'vitest';
import { refusal, type Refusal } from '../../protocol/errors.ts';
import type { JsonValue } from '../../protocol/frames.ts';
import { TestRig } from '../test-rig.ts';

type Answer = Readonly<Record<string, JsonValue>> | Refusal;

function rigWith(answer: Answer, cost = 1): TestRig {
  const handler = { writes: false, cost, handle: (): Promise<Answer> => Promise.resolve(answer) };
  return new TestRig({ frameHandlers: new Map([['X-a', handler]]) });
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

test('a frame is charged what its application says', async () => {
  const handler = { writes: false, cost: 40, handle: (): Promise<Answer> => Promise.resolve({}) };
  const rig = new TestRig({
    frameHandlers: new Map([['X-a', handler]]),
    limits: { connectionRate: { perSecond: 1, burst: 100 } },
  });
  const client = rig.connect();
  const ids: string[] = [];
  for (let time = 1; time <= 3; time += 1) {
    ids.push(client.send('X-a'));
    await settled();
  }
  const reasons = ids.map((id) => client.repliesTo(id)[0]?.data['reason']);
  expect(reasons).toEqual([undefined, undefined, 'rate_limited']);
});

test('the handler of a frame is told when its connection ends, by either side', async () => {
  const endings: AbortSignal[] = [];
  const answers: (() => void)[] = [];
  const handle = (_frame: unknown, _connection: unknown, { signal }: AbortController): Promise<Answer> => {
    endings.push(signal);
    return new Promise((resolve) => answers.push(() => resolve({})));
  };
  const rig = new TestRig({ frameHandlers: new Map([['X-a', { writes: false, cost: 1, handle }]]) });
  const [ada, bob, eve] = [rig.connect('ada'), rig.connect('bob'), rig.connect('eve')];
  for (const client of [ada, bob, eve]) client.send('X-a');
  expect(endings.map(({ aborted }) => aborted)).toEqual([false, false, false]);
  ada.link.break();
  bob.connection.close('token_revoked', 'revoked');
  expect(endings.map(({ aborted }) => aborted)).toEqual([true, true, false]);
  for (const answer of answers) answer();
  await settled();
  expect([eve.frames.at(-1)?.type, rig.context.underWay.size]).toEqual(['Status', 0]);
});

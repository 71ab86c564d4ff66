/** Tokens of Genesys: one call for all who ask, replaced before and at their end. */
import { expect, test } from 'vitest';
import { VirtualClock } from '../../../simulation/virtual-clock.ts';
import type { Call, CallRequest } from './call.ts';
import type { Credentials } from './credentials.ts';
import { MemoryTokenStore } from './token-store.ts';
import { TokenError, Tokens } from './tokens.ts';

function rig(answer: (made: number) => { readonly status: number; readonly life?: number } = () => ({ status: 200 })) {
  const clock = new VirtualClock();
  const asked: CallRequest[] = [];
  const given = { region: 'mypurecloud.de', clientId: 'id', clientSecret: 'secret', webhookSecret: 'w' };
  const call: Call = async (request) => {
    asked.push(request);
    await new Promise((resolve) => setImmediate(resolve));
    const { status, life = 3_600 } = answer(asked.length);
    const json = { access_token: `token-${asked.length}`, expires_in: life };
    return { kind: 'answer', status, json, retryAfterMs: null };
  };
  const credentials = { of: async () => given, renew: () => {} } as unknown as Credentials;
  const tokens = new Tokens({
    clock,
    scheduler: clock,
    call,
    store: new MemoryTokenStore(),
    credentials,
    loginUrl: 'https://login.{region}',
    aheadMs: 60_000,
    callMs: 5_000,
    count: { add: () => {} },
  });
  return { clock, asked, given, tokens };
}

test('W-20: a hundred at once make one call, at the host of the region, and later ones none', async () => {
  const { tokens, asked, given } = rig();
  const all = await Promise.all(Array.from({ length: 100 }, () => tokens.of('acme')));
  expect(new Set(all)).toEqual(new Set(['token-1']));
  expect(await tokens.of('acme')).toBe('token-1');
  expect(asked.map(({ url }) => url)).toEqual(['https://login.mypurecloud.de/oauth/token']);
  expect(asked[0]?.headers['authorization']).toBe(`Basic ${Buffer.from('id:secret').toString('base64')}`);
  given.region = 'usw2.pure.cloud';
  await tokens.refused('acme', 'token-1');
  expect(await tokens.of('acme')).toBe('token-2');
  expect(asked[1]?.url).toBe('https://login.usw2.pure.cloud/oauth/token');
});

test('W-20: it is replaced before its end beside the work, and not waited for', async () => {
  const { tokens, asked, clock } = rig();
  await tokens.of('acme');
  clock.advance(3_600_000 - 59_000);
  expect(await tokens.of('acme')).toBe('token-1');
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  expect(asked).toHaveLength(2);
  expect(await tokens.of('acme')).toBe('token-2');
});

test('W-20: a token that is refused early makes one new one, however many callers have it; an old one refuses nothing', async () => {
  const { tokens, asked } = rig();
  await tokens.of('acme');
  await Promise.all(Array.from({ length: 10 }, () => tokens.refused('acme', 'token-1')));
  const all = await Promise.all(Array.from({ length: 10 }, () => tokens.of('acme')));
  expect(new Set(all)).toEqual(new Set(['token-2']));
  await tokens.refused('acme', 'token-1');
  expect(await tokens.of('acme')).toBe('token-2');
  expect(asked).toHaveLength(2);
});

test('wrong credentials and a Genesys that is away are told apart, and neither is remembered', async () => {
  const { tokens } = rig((made) => ({ status: [401, 503, 200][made - 1] ?? 200 }));
  const problem = async (): Promise<unknown> =>
    tokens.of('acme').then(
      () => 'none',
      (error: unknown) => (error instanceof TokenError ? error.problem : error),
    );
  expect(await problem()).toBe('unauthorized');
  expect(await problem()).toBe('away');
  expect(await problem()).toBe('none');
});

import { expect, test } from 'vitest';
import { TestServer } from './testing/index.ts';
import { Tokens } from './tokens.ts';

test('A-28: twenty who want a new token at the same time are one call, and all get its token or its failure', async () => {
  const server = new TestServer();
  const answers: ((token: string) => void)[] = [];
  const tokens = new Tokens(
    () =>
      new Promise<string>((resolve) => {
        answers.push(resolve);
      }),
    server.environment,
  );
  const given: (string | undefined)[] = [];
  for (let at = 0; at < 20; at += 1) tokens.ask('expiring', (_error, token) => given.push(token));
  await server.clock.advance(10);
  expect(answers).toHaveLength(1);
  answers[0]?.('new');
  await server.clock.advance(10);
  expect(given).toEqual(Array<string>(20).fill('new'));

  const failures: (string | undefined)[] = [];
  for (let at = 0; at < 20; at += 1) tokens.ask('expiring', (error) => failures.push(error?.reason));
  // A function that has not answered for half a minute never will.
  await server.clock.advance(31_000);
  expect([answers.length, failures]).toEqual([2, Array<string>(20).fill('token_failed')]);
});

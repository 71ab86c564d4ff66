/** Requests on a connection: answered, lost with it, or perhaps never read. */
import { expect, test } from 'vitest';
import type { Link } from './link.ts';
import { Requests } from './requests.ts';

function link(): Link {
  return { send: () => null } as unknown as Link;
}

test('what the server has perhaps refused unread ends and may be asked again; what was asked later, or elsewhere, waits on', () => {
  let now = 0;
  const requests = new Requests(
    'r',
    () => now,
    () => null,
  );
  const [here, elsewhere] = [link(), link()];
  const ends: string[] = [];
  const ask = (on: Link, name: string): void =>
    requests.ask('Subscribe', {}, (error) => ends.push(`${name} ${error?.reason} ${error?.temporary}`), on);
  ask(here, 'early');
  ask(elsewhere, 'elsewhere');
  now = 10;
  ask(here, 'late');
  requests.unread(here, 5);
  expect(ends).toEqual(['early outcome_unknown true']);
  requests.lost(here);
  expect(ends).toEqual(['early outcome_unknown true', 'late outcome_unknown false']);
});

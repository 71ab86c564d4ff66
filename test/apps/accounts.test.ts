/** Accounts on a node with the database in its process: the routes of the guides, and what is refused. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openAccounts, PASSWORD, type AccountsServer } from '../harness/accounts.ts';
import { connect } from '../harness/client.ts';
import { pgliteFolder } from '../harness/pglite-folder.ts';

let node: AccountsServer;
beforeAll(async () => {
  node = await openAccounts({ 'database.folder': await pgliteFolder(), 'rate_limiting.enabled': 'false' });
});
afterAll(() => node.server.stop());

describe('login', () => {
  test('D-32: a login gives an access token that the server takes, and the user as the guide has it', async () => {
    const id = await node.add('ada', { roles: ['user', 'admin'] });
    const { user, token, expiresAt } = await node.login('ada');
    expect(user).toMatchObject({ id, email: 'ada@example.com', displayName: 'ada', roles: ['user', 'admin'] });
    expect(Date.parse(expiresAt)).toBeGreaterThan(Date.now());
    const client = await connect(node.port, { token });
    expect((await client.publish('news', 1)).type).toBe('Ack');
    expect((await node.ask('GET', '/users/me', { token })).body['user']).toEqual(user);
  });

  test('an e-mail address is the same in every way that people write it, and belongs to one account', async () => {
    await node.add('same');
    const body = { email: ' SAME@Example.com ', password: PASSWORD };
    expect((await node.ask('POST', '/auth/login', { body })).status).toBe(200);
    const again = await node.serve('POST', '/users', { email: 'Same@example.COM', password: PASSWORD });
    expect([again.status, again.body.error?.reason]).toEqual([409, 'wrong_state']);
  });
});

/** A page that takes its user from another claim than the server does: own messages are on the wrong side, and doctor names why. */
import { expect, onTestFinished, test } from 'vitest';
import { tokensUser } from '../../src/doctor/checks/tokens/user.ts';
import { ADMIN_TOKEN } from '../harness/admin.ts';
import { connect } from '../harness/client.ts';
import { faults, findings } from '../harness/doctor.ts';
import { startServer } from '../harness/server.ts';
import { named } from '../harness/symptoms.ts';
import { SECRET, tokenOf } from '../harness/tokens.ts';

const CHECKED = { 'auth.jwt_secret': SECRET };

test('own messages come from the user of sub, and the page compares with userId', async () => {
  const server = await startServer({ 'admin.token': ADMIN_TOKEN });
  onTestFinished(() => server.stop());
  const token = await tokenOf('alice', { claims: { userId: 17 } });
  const page = await connect(server.port, { token });
  await page.subscribe('chat.lobby');
  await page.publish('chat.lobby', 'a text');
  const { data } = await page.next('Broadcast');
  const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { userId: number };
  expect([data.from, data.from === String(claims.userId)]).toEqual(['alice', false]);
  const { line, cure } = await named('own-messages-elsewhere', { values: { TOKEN: token } });
  expect(line).toContain('userId "17"');
  expect(cure).toContain('first Status');
});

test('one user under every name is well, and a refused token is the affair of another check', async () => {
  const same = await tokenOf('alice', { claims: { user_id: 'alice', uid: 'alice' } });
  expect(await findings([tokensUser], { settings: CHECKED, tokens: [same] })).toMatchObject([{ level: 'ok' }]);
  const refused = await tokenOf('alice', { claims: { uid: 'bob', exp: 1 } });
  expect(await faults([tokensUser], { settings: CHECKED, tokens: [refused] })).toEqual([]);
});

/** The emergency script of the guide that this server grew from, with the token on every call, by the real curl. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { ADMIN_TOKEN } from '../harness/admin.ts';
import { connect } from '../harness/client.ts';
import { handshake, refusalIn } from '../harness/raw.ts';
import { startServer } from '../harness/server.ts';
import { tokenOf } from '../harness/tokens.ts';
import { isMissing } from '../harness/tools.ts';

const SCRIPT = `
set -euo pipefail
# Enable read-only mode
curl -sfS -X POST $URL/admin/emergency-mode \\
  -H "Authorization: Bearer $ADMIN_TOKEN" \\
  -d '{"mode": "read_only"}'

# Disable new connections
curl -sfS -X POST $URL/admin/connections/disable-new \\
  -H "Authorization: Bearer $ADMIN_TOKEN"

# Change rate limits temporarily
curl -sfS -X PUT $URL/admin/config/rate-limits \\
  -H "Authorization: Bearer $ADMIN_TOKEN" \\
  -d '{"connection_rps": 10, "user_rps": 50}'

# Send system notification
curl -sfS -X POST $URL/admin/broadcast \\
  -H "Authorization: Bearer $ADMIN_TOKEN" \\
  -d '{
    "type": "SystemNotification",
    "data": {
      "level": "warning",
      "message": "Service operating in degraded mode. Some features may be unavailable."
    }
  }'
`;

test.skipIf(isMissing('curl'))('emergency-mode.sh does what it says, and its clients see it', async () => {
  const server = await startServer({ 'admin.token': ADMIN_TOKEN });
  const alice = await connect(server.port);
  await promisify(execFile)('bash', ['-c', SCRIPT], { env: { ...process.env, URL: server.url, ADMIN_TOKEN } });
  expect((await alice.next('SystemNotification')).data).toMatchObject({ code: 'read_only' });
  expect((await alice.next('SystemNotification')).data).toEqual({
    level: 'warning',
    message: 'Service operating in degraded mode. Some features may be unavailable.',
  });
  expect((await alice.publish('chat.lobby', 1)).data).toMatchObject({ reason: 'read_only' });
  const refused = await handshake(server.port, { Authorization: `Bearer ${await tokenOf('late')}` });
  expect(refusalIn(refused)).toMatchObject({ reason: 'not_admitting' });
  const { limits, users } = server.running.node.parts.context;
  expect([limits.connectionRate.perSecond, users.rate.perSecond]).toEqual([10, 50]);
});

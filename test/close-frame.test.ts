/** A client that is busy sending when the server closes has time to read why. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { OPCODE, RawSocket } from './harness/raw-socket.ts';
import { startServer } from './harness/server.ts';

/** The socket library looks at what has run out of time so often. */
const TICK_MS = 4_000;
const PAUSE_MS = 100;
const STRIKES = 20;

test('the close frame waits for a client that still sends and does not read', async () => {
  const server = await startServer();
  const client = await RawSocket.upgraded(server.port);
  client.stopReading();
  for (let at = 0; at < STRIKES; at += 1) client.send({ opcode: OPCODE.text, payload: 'no JSON' });
  for (let ms = 0; ms < TICK_MS + 5 * PAUSE_MS; ms += PAUSE_MS) {
    client.send({ opcode: OPCODE.text, payload: 'x'.repeat(1_000) });
    await sleep(PAUSE_MS);
    expect(client.isClosed).toBe(false);
  }
  client.readOn();
  // 4010 in two bytes.
  await client.until(() => client.text.includes('\u000f\u00aa'), 'the close frame');
});

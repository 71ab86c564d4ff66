/** The client library at the rates of a real server: what was refused without being read is sent again. */
import { expect, test } from 'vitest';
import { within } from '../harness/deadline.ts';
import { startServer } from '../harness/server.ts';
import { clientOf, Reading } from './rig.ts';

const BUCKET = { 'rate_limiting.connection_rps': '20', 'rate_limiting.connection_burst': '20' };

test.each([
  { name: 'that cost more than one token', text: 'x'.repeat(20_000) },
  // Three bytes each, so that they cost more than their length says.
  { name: 'that cost more than the library can know', text: '€'.repeat(20_000) },
])('messages $name are all stored, each once', async ({ text }) => {
  const server = await startServer(BUCKET);
  const reading = new Reading(clientOf(server, 'bob').topic('chat.42'));
  await reading.live();
  const topic = clientOf(server).topic('chat.42');
  const receipts = Array.from({ length: 5 }, (_, at) => topic.publish({ at, text }));
  await within(Promise.all(receipts), 'every receipt');
  await reading.count(5);
  const sent = reading.payloads.map((payload) => (payload as { at: number }).at);
  expect(sent.sort((one, other) => one - other)).toEqual([0, 1, 2, 3, 4]);
});

/** `frames=debug`: each frame in and out is in the log of a real server, and nothing of what is in it. */
import { expect, test } from 'vitest';
import { connect, type Connection } from './harness/client.ts';
import { startProcess, type LogLine } from './harness/process.ts';

type FrameLine = LogLine & {
  readonly type: string;
  readonly frame_id?: string;
  readonly reply_to?: string;
  readonly topic?: string | null;
  readonly count?: number;
  readonly bytes: number;
};

const SAID = 'what-alice-said-to-bob';

/** The lines of a connection, as `way type ids`. */
function linesOf(lines: readonly FrameLine[], client: Connection): string[] {
  return lines
    .filter(({ target, connection_id: id }) => target === 'signalbox::frames' && id === client.connected.connection_id)
    .map(({ message, type, frame_id: id, reply_to: replyTo, topic, count }) =>
      [message, type, id ?? replyTo, topic, count].filter((part) => part !== undefined).join(' '),
    );
}

test.each([
  ['json', false],
  ['msgpack', true],
] as const)('D-44: in %s each frame in and out is a line with its type, ids and size', async (format, batching) => {
  const server = await startProcess([], { LOG_LEVEL: 'info,frames=debug' });
  const bob = await connect(server.port, { user: 'bob', format, batching });
  const alice = await connect(server.port, { user: 'alice', format, batching });
  bob.send('Subscribe', { topics: ['chat.lobby'] }, { id: 's-1' });
  await bob.status('subscribed');
  alice.send('Broadcast', { topic: 'chat.lobby', payload: { text: SAID } }, { id: 'p-1' });
  await alice.next('Ack');
  await bob.next('Broadcast');
  alice.send('Broadcast', { topic: 7, payload: SAID }, { id: 'p-2' });
  await alice.next('Error');
  // Answered without words of the codec's own, and from a log instead of a tail.
  alice.send('History', { topic: 'chat.lobby', limit: 10 }, { id: 'h-1' });
  await alice.waitFor(({ reply_to: to }) => to === 'h-1', 'the page');
  alice.send('Subscribe', { topics: [{ topic: 'chat.lobby', from: 'earliest' }] }, { id: 's-2' });
  await alice.next('Broadcast');
  await server.end();
  const lines = server.lines() as FrameLine[];
  expect(linesOf(lines, bob).slice(0, 4)).toEqual([
    'Frame sent Status',
    'Frame received Subscribe s-1',
    'Frame sent Status s-1',
    'Frames sent Broadcast chat.lobby 1',
  ]);
  expect(linesOf(lines, alice).slice(0, 10)).toEqual([
    'Frame sent Status',
    'Frame received Broadcast p-1',
    'Frame sent Ack p-1',
    'Frame received invalid p-2',
    'Frame sent Error p-2',
    'Frame received History h-1',
    'Frame sent Status h-1',
    'Frame received Subscribe s-2',
    'Frame sent Status s-2',
    'Frames sent Broadcast chat.lobby 1',
  ]);
  const frames = lines.filter(({ target }) => target === 'signalbox::frames');
  for (const { level, bytes } of frames) expect([level, bytes > 0]).toEqual(['DEBUG', true]);
  expect(server.output).not.toContain(SAID);
});

test('D-44: without the switch there is no line of a frame', async () => {
  const server = await startProcess();
  const client = await connect(server.port);
  await client.subscribe('chat.lobby');
  await client.publish('chat.lobby', SAID);
  await server.end();
  expect(server.lines().filter(({ target }) => target === 'signalbox::frames')).toEqual([]);
});

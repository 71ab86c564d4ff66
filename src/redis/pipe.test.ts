import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import type { Results } from './command-client.ts';
import { Pipe } from './pipe.ts';

const open: { destroy(): void }[] = [];

afterEach(() => {
  for (const each of open.splice(0)) each.destroy();
});

/** A connection that the library reads, and the server's end of it. */
async function connection(): Promise<{ readonly stream: Socket; readonly server: Socket }> {
  const listening = createServer().listen(0, '127.0.0.1');
  await once(listening, 'listening');
  const accepted = once(listening, 'connection') as Promise<[Socket]>;
  const stream = connect((listening.address() as AddressInfo).port, '127.0.0.1');
  stream.on('data', () => {
    throw new Error('the library reads no more');
  });
  stream.on('error', () => {});
  const [server] = await accepted;
  server.on('error', () => {});
  listening.close();
  open.push(stream, server);
  return { stream, server };
}

function taken(stream: Socket, demoted: () => void = () => {}): Pipe {
  const pipe = Pipe.on(stream, demoted);
  if (pipe === null) throw new Error('expected the connection to be taken over');
  return pipe;
}

function ask(pipe: Pipe, ...names: readonly string[]): Promise<Results> {
  return new Promise((resolve) =>
    pipe.send(
      names.map((name) => [name] as const),
      resolve,
    ),
  );
}

test('each pipeline has its own results, in the order of its commands', async () => {
  const { stream, server } = await connection();
  const pipe = taken(stream);
  const answers = Promise.all([ask(pipe, 'A', 'B'), ask(pipe), ask(pipe, 'C')]);
  const [asked] = (await once(server, 'data')) as [Buffer];
  expect(String(asked)).toMatch(/^\*1\r\n\$1\r\nA\r\n\*1\r\n\$1\r\nB\r\n/);
  server.write('+a\r\n-ERR b\r\n:3\r\n');
  expect(await answers).toMatchObject([['a', { code: 'ERR', outcome: 'unknown' }], [], [3]]);
});

test('what a connection that closes still owes is not known; what is asked behind it was never sent', async () => {
  const { stream, server } = await connection();
  const pipe = taken(stream);
  const half = ask(pipe, 'A', 'B');
  await once(server, 'data');
  server.end('+a\r\n');
  expect(await half).toMatchObject(['a', { outcome: 'unknown', isOutage: true }]);
  expect(await ask(pipe, 'C')).toMatchObject([{ code: 'not_connected', outcome: 'unavailable' }]);
});

test('a server that takes no writes any more is told of, and bytes that are no reply end the connection', async () => {
  const { stream, server } = await connection();
  let demotions = 0;
  const pipe = taken(stream, () => {
    demotions += 1;
  });
  const refused = ask(pipe, 'A');
  const unread = ask(pipe, 'B');
  server.write("-READONLY You can't write against a read only replica.\r\nhello\r\n");
  expect(await refused).toMatchObject([{ code: 'READONLY', outcome: 'unavailable' }]);
  expect(await unread).toMatchObject([{ outcome: 'unknown' }]);
  expect(demotions).toBe(1);
});

test('a connection on which the library waits for something stays the library’s', async () => {
  const { stream } = await connection();
  stream.once('data', () => {});
  expect(Pipe.on(stream, () => {})).toBeNull();
  expect(stream.listenerCount('data')).toBe(2);
});

/** What those without a token may use up: budgets of their own address, and nothing that honest clients need. */
import { connect as connectSocket, type Socket } from 'node:net';
import { expect, onTestFinished, test, vi } from 'vitest';
import { connect } from '../harness/client.ts';
import { eventually, within } from '../harness/deadline.ts';
import { handshake, refusalIn } from '../harness/raw.ts';
import { handshakeText, RawSocket } from '../harness/raw-socket.ts';
import { startServer } from '../harness/server.ts';
import { tokenOf } from '../harness/tokens.ts';

/** `127.0.0.2` is another client to the server, on the same machine. */
const STRANGER = '127.0.0.2';

function dialFrom(localAddress: string, port: number): Promise<Socket> {
  const socket = connectSocket({ host: '127.0.0.1', port, localAddress });
  onTestFinished(() => void socket.destroy());
  socket.on('error', () => {});
  return within(new Promise((resolve) => socket.once('connect', () => resolve(socket))), 'a TCP connection');
}

/** Handshakes one behind the other on a socket, without a token, as fast as the answers come. */
function floodHandshakes(socket: Socket, head: string): () => number {
  let answers = 0;
  socket.on('data', (chunk) => {
    answers += chunk.toString('latin1').split('HTTP/1.1 ').length - 1;
    socket.write(head);
  });
  socket.write(head);
  return () => answers;
}

test('handshakes without a token do not spend the accept rate: honest ones get in beside them', async () => {
  const server = await startServer({ 'websocket.accepts_per_second': '20', 'auth.failures_per_minute': '1000000' });
  const head = (await handshakeText('mallory')).replace(/Authorization: .*\r\n/, '');
  const floods = await Promise.all([1, 2, 3].map(() => dialFrom(STRANGER, server.port)));
  const counts = floods.map((socket) => floodHandshakes(socket, head));
  await eventually(() => counts.reduce((sum, count) => sum + count(), 0) > 200, 'a flood of handshakes');
  const statuses: number[] = [];
  for (let at = 0; at < 10; at += 1) {
    const Authorization = `Bearer ${await tokenOf(`user-${at}`)}`;
    statuses.push((await handshake(server.port, { Authorization })).status);
  }
  expect(statuses).toEqual(Array.from({ length: 10 }, () => 101));
});

test('handshakes with bad tokens, or of a user who has all the connections allowed, do not spend it either', async () => {
  const settings = { 'websocket.accepts_per_second': '3', 'websocket.max_connections_per_user': '1' };
  const server = await startServer(settings);
  await connect(server.port, { user: 'mallory' });
  const full = { Authorization: `Bearer ${await tokenOf('mallory')}` };
  const bad = { Authorization: `Bearer ${await tokenOf('alice', { secret: 'wrong' })}` };
  const unknownFormat = { Authorization: `Bearer ${await tokenOf('eve')}`, 'Sec-WebSocket-Protocol': 'chat' };
  for (const headers of [full, full, full, bad, bad, bad, unknownFormat, unknownFormat, unknownFormat])
    expect((await handshake(server.port, headers)).status).not.toBe(503);
  await connect(server.port, { user: 'bob' });
  await connect(server.port, { user: 'carol' });
});

test('one user who connects only to leave again has to wait, and the accept rate is there for others', async () => {
  const server = await startServer({ 'websocket.max_connections_per_user': '1' });
  const Authorization = `Bearer ${await tokenOf('mallory')}`;
  const reasons: string[] = [];
  // However slow the machine is: what a user may is counted against this time.
  const { clock } = server.running.node.parts.context;
  const standing = vi.spyOn(clock, 'elapsed').mockReturnValue(clock.elapsed());
  onTestFinished(() => standing.mockRestore());
  for (let at = 0; at < 60 && !reasons.includes('rate_limited'); at += 1) {
    await eventually(() => server.connections === 0, 'the connection before to be gone');
    const answer = await handshake(server.port, { Authorization });
    if (answer.status !== 101) reasons.push(refusalIn(answer).reason);
  }
  expect(reasons).toContain('rate_limited');
  await connect(server.port, { user: 'bob' });
});

test('a missing token counts as a failed one for its address, at the handshake and by HTTP', async () => {
  const server = await startServer({ 'auth.failures_per_minute': '3' });
  const Authorization = `Bearer ${await tokenOf('alice')}`;
  expect((await handshake(server.port, { Authorization })).status).toBe(101);
  const reasons: string[] = [];
  for (const _ of [1, 2]) reasons.push(refusalIn(await handshake(server.port)).reason);
  for (const _ of [3, 4]) {
    const answer = await fetch(`${server.url}/api/publish`, { method: 'POST', body: '{}' });
    reasons.push(((await answer.json()) as { error: { reason: string } }).error.reason);
  }
  reasons.push(refusalIn(await handshake(server.port)).reason);
  expect(reasons).toEqual(['token_missing', 'token_missing', 'token_missing', 'rate_limited', 'rate_limited']);
  // The budget is that of the address: tokens that are known, and other addresses, are let in.
  expect((await handshake(server.port, { Authorization })).status).toBe(101);
  const raw = await RawSocket.open(server.port);
  raw.write(await handshakeText('dave'));
  expect(await raw.outcome()).toBe(429);
  const other = await dialFrom(STRANGER, server.port);
  const answered = new Promise<string>((resolve) => other.once('data', (chunk) => resolve(chunk.toString('latin1'))));
  other.write(await handshakeText('bob'));
  expect(await within(answered, 'the answer')).toContain('101 Switching Protocols');
});

test('refusals inside WebSocket have a rate of their own: above it they are HTTP answers, and newcomers get in', async () => {
  const server = await startServer({ 'websocket.accepts_per_second': '3' });
  const statuses: number[] = [];
  for (let at = 0; at < 9; at += 1) statuses.push((await handshake(server.port, {}, '/ws?refuse=close')).status);
  expect(statuses.slice(0, 3)).toEqual([101, 101, 101]);
  expect(statuses).toContain(401);
  await connect(server.port);
});

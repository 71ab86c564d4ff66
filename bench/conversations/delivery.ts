/**
 * From the request of a sender on one node to the frame of a receiver on another, at a steady rate, and to the confirmation of the
 * sender: two nodes, one Redis and one PostgreSQL beside them on the same cores.
 * Run: node bench/conversations/delivery.ts postgresql://user@host/database [--rate 500] [--seconds 15] [--rounds 3]
 */
import { parseArgs } from 'node:util';
import { LeanSocket } from '../../src/load/lean-socket.ts';
import { pause } from '../pause.ts';
import { Arrivals } from '../redis/arrivals.ts';
import { RedisProcess } from '../redis/redis-process.ts';
import { startSignalbox } from '../servers.ts';
import { median, quantile } from '../statistics.ts';
import { sendSteadily } from '../steady.ts';
import { userTokens } from '../tokens.ts';
import { open, seed } from './seed.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rate: { type: 'string', default: '500' },
    seconds: { type: 'string', default: '15' },
    rounds: { type: 'string', default: '3' },
  },
});
const [url = ''] = positionals;
const [rate, seconds, rounds] = [Number(values.rate), Number(values.seconds), Number(values.rounds)];

/** Each of two users, one on each node: its messages come from one and from the other. */
const CONVERSATIONS = 50;
const PREFIX = 'chat';
const SENT_AT = 'sent at ';
const CONFIRMED = '"reply_to":"';
const TARGET_MS = 100;
/** What has not come so long after the last request is missing. */
const SETTLE_MS = 10_000;
const WARM_SECS = 5;

const now = (): number => performance.now();
const redis = await RedisProcess.start();
const settings = {
  'database.url': url,
  'database.migrate': 'true',
  'redis.url': redis.url,
  'apps.modules': new URL('../../src/apps/conversations/app.ts', import.meta.url).pathname,
};
const nodes = [await startSignalbox(settings, 0), await startSignalbox(settings, 1)];
const client = await open(url);
await client.query('truncate conversations, members, events, reactions cascade');
await seed(client, {
  prefix: PREFIX,
  conversations: CONVERSATIONS,
  members: 2,
  messages: 1,
  users: CONVERSATIONS * 2,
});

const delivered = new Arrivals(now);
const confirmed = new Arrivals(now);
const refusals = new Set<string>();
const tokens = await userTokens(CONVERSATIONS * 2, PREFIX);
const sockets = await Promise.all(
  tokens.map((token, at) =>
    LeanSocket.open({
      host: '127.0.0.1',
      port: nodes[at % 2]?.port ?? 0,
      path: `/ws?token=${token}`,
      onMessage: (bytes, start, end) => came(at, bytes, start, end),
    }),
  ),
);
await pause(1);

const round = async (length: number): Promise<number> => {
  delivered.begin();
  confirmed.begin();
  const sent = await sendSteadily({ rate, seconds: length }, (number) => {
    const at = number % sockets.length;
    const content = `${PREFIX}-${at}: ${SENT_AT}${now()} `.padEnd(150, '.');
    const data = { conversation: `${PREFIX}-${Math.floor(at / 2)}`, clientId: `${now()}-${number}`, content };
    sockets[at]?.send(JSON.stringify({ type: 'X-ConversationSend', id: String(now()), data }));
  });
  return (await delivered.settle(sent, SETTLE_MS)) + (await confirmed.settle(sent, SETTLE_MS));
};
const told = (name: string, { latencies }: Arrivals): string =>
  `${name} p50 ${quantile(latencies, 0.5).toFixed(1)} ms, p99 ${quantile(latencies, 0.99).toFixed(1)} ms, longest ${quantile(latencies, 1).toFixed(1)} ms`;

await round(WARM_SECS);
const p99s: number[] = [];
for (let at = 1; at <= rounds; at += 1) {
  const missing = await round(seconds);
  p99s.push(quantile(delivered.latencies, 0.99));
  process.stdout.write(
    `round ${at}: ${Math.round(delivered.latencies.length / seconds)} messages/s, ${missing} missing, ${told('delivered on the other node', delivered)}; ${told('confirmed', confirmed)}\n`,
  );
}
for (const refusal of refusals) process.stdout.write(`refused: ${refusal}\n`);
process.stdout.write(
  `median p99 of delivery ${median(p99s).toFixed(1)} ms at ${rate} messages/s (target ${TARGET_MS} ms)\n`,
);
for (const socket of sockets) socket.destroy();
await Promise.all(nodes.map((node) => node.stop()));
await Promise.all([client.end(), redis.end()]);

/** The sender gets its message too: that is no delivery on the other node. */
function came(at: number, bytes: Buffer, start: number, end: number): void {
  const text = bytes.toString('latin1', start, end);
  if (text.includes('"type":"Error"')) refusals.add(text);
  const reply = text.indexOf(CONFIRMED);
  if (reply !== -1) confirmed.arrived(Number.parseFloat(text.slice(reply + CONFIRMED.length)));
  const stamp = text.indexOf(SENT_AT);
  if (reply === -1 && stamp !== -1 && !text.includes(`${PREFIX}-${at}: `))
    delivered.arrived(Number.parseFloat(text.slice(stamp + SENT_AT.length)));
}

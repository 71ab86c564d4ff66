/**
 * What conversations cost beside their messages. Parts: `connect`: clients that follow 100 conversations from the moment they
 * connect. `page`: the newest page of a conversation of 100,000 messages. `memory`: what an idle connection of a member takes. `list`: the first page of a list. `recount`: what is unread, held
 * against a million messages. Run: node bench/conversations/run.ts postgresql://user@host/database [connect,page,memory,list,recount]
 */
import { LeanSocket, type LeanSocketOptions } from '../../src/load/lean-socket.ts';
import { Inspected } from '../inspected.ts';
import { freePort, residentBytes } from '../processes.ts';
import { pause } from '../pause.ts';
import { startSignalbox } from '../servers.ts';
import { userTokens, benchToken } from '../tokens.ts';
import { open, seed } from './seed.ts';

const [, , url = '', parts = 'connect,page,memory,list,recount'] = process.argv;
const CONNECTS = 500;
const AT_ONCE = 5;
const IDLE = 3_000;
const PAGES = 500;
const LONG = 100_000;
/** Longer than a right that was asked for is remembered, and until such are looked at: idle is what comes then. */
const SETTLED_SECS = 13;
const RIGHTS_SECS = 2;

const settings = {
  'database.url': url,
  'database.migrate': 'true',
  'apps.modules': new URL('../../src/apps/conversations/app.ts', import.meta.url).pathname,
  'apps.conversations.joined_conversations': '100',
  'apps.decision_age_secs': String(RIGHTS_SECS),
  'websocket.max_subscriptions': '1000',
  'topics.max_topics': '1000000',
};

function connect(port: number, token: string, onMessage: LeanSocketOptions['onMessage']): Promise<LeanSocket> {
  return LeanSocket.open({ host: '127.0.0.1', port, path: `/ws?token=${token}`, onMessage, onClose: () => {} });
}

/** Resolves with the milliseconds until the client is told what it follows. */
function connectAs(port: number, token: string, sockets: LeanSocket[]): Promise<number> {
  const started = performance.now();
  return new Promise((resolve, reject) => {
    connect(port, token, (bytes, start, end) => {
      const text = bytes.toString('utf8', start, end);
      if (text.includes('"status":"subscribed"')) resolve(performance.now() - started);
    }).then((socket) => sockets.push(socket), reject);
  });
}

async function connectAll(port: number, tokens: readonly string[], sockets: LeanSocket[]): Promise<number[]> {
  const times: number[] = [];
  let next = 0;
  const one = async (): Promise<void> => {
    while (next < tokens.length) {
      const token = tokens[next] ?? '';
      next += 1;
      times.push(await connectAs(port, token, sockets));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
  return times.sort((a, b) => a - b);
}

function quantiles(sorted: readonly number[]): string {
  const at = (share: number): string => (sorted[Math.floor(sorted.length * share)] ?? 0).toFixed(1);
  return `median ${at(0.5)} ms, 99 % ${at(0.99)} ms, longest ${(sorted.at(-1) ?? 0).toFixed(1)} ms`;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

const inspectorPort = await freePort();
if (parts.includes('memory')) process.env['NODE_OPTIONS'] = Inspected.option(inspectorPort);
const server = await startSignalbox(settings);
delete process.env['NODE_OPTIONS'];
const client = await open(url);
await client.query('truncate conversations, members, events, reactions cascade');

const all: Readonly<Record<string, () => Promise<void>>> = {
  connect: async () => {
    await seed(client, { prefix: 'comer', conversations: 5_000, members: 10, messages: 3, users: CONNECTS });
    const tokens = await userTokens(CONNECTS, 'comer');
    for (const logs of ['logs that nobody has read yet', 'logs that are there']) {
      const sockets: LeanSocket[] = [];
      const times = await connectAll(server.port, tokens, sockets);
      say(`${CONNECTS} connects, 100 conversations each, ${AT_ONCE} at once, ${logs}: ${quantiles(times)}`);
      for (const socket of sockets) socket.destroy();
      await pause(1);
    }
  },
  page: async () => {
    await seed(client, { prefix: 'long', conversations: 1, members: 2, messages: LONG, users: 2 });
    const [token = ''] = await userTokens(1, 'long');
    const socket = new WebSocket(`ws://127.0.0.1:${server.port}/ws?token=${token}`);
    const data = { conversation: 'long-0' };
    const times: number[] = [];
    let started = 0;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const ask = (): void => {
      started = performance.now();
      socket.send(JSON.stringify({ type: 'X-ConversationMessages', id: String(times.length), data }));
    };
    socket.addEventListener('open', ask);
    socket.addEventListener('close', () => reject(new Error('the connection was closed')));
    socket.addEventListener('message', (event) => {
      const frame = JSON.parse(String(event.data)) as { readonly type: string; readonly reply_to?: string };
      if (frame.reply_to !== String(times.length)) return;
      if (frame.type !== 'Status') return reject(new Error(String(event.data)));
      times.push(performance.now() - started);
      if (times.length < PAGES) ask();
      else resolve();
    });
    await promise;
    socket.close();
    say(`the newest page of a conversation of ${LONG} messages: ${quantiles(times.toSorted((a, b) => a - b))}`);
  },
  memory: async () => {
    const inspected = await Inspected.connect(inspectorPort);
    for (const each of [0, 1, 10]) {
      const prefix = `idle${each}`;
      // Half of the users warm the server up, so that what all share is there.
      if (each > 0)
        await seed(client, {
          prefix,
          conversations: (IDLE * 2 * each) / 10,
          members: 10,
          messages: 1,
          users: IDLE * 2,
        });
      const tokens = await userTokens(IDLE * 2, prefix);
      const sockets: LeanSocket[] = [];
      const joined = async (some: readonly string[]): Promise<{ resident: number; heap: number }> => {
        if (each > 0) await connectAll(server.port, some, sockets);
        else for (const token of some) sockets.push(await connect(server.port, token, () => {}));
        await pause(SETTLED_SECS);
        const heap = await inspected.heapBytes();
        return { heap, resident: residentBytes(server.pid) };
      };
      const before = await joined(tokens.slice(0, IDLE));
      const after = await joined(tokens.slice(IDLE));
      const kB = (bytes: number): string => (bytes / IDLE / 1_024).toFixed(2);
      say(
        `an idle connection of a member of ${each} conversations: ${kB(after.heap - before.heap)} kB of heap, ${kB(after.resident - before.resident)} kB of the process`,
      );
      for (const socket of sockets) socket.destroy();
      await pause(1);
    }
    inspected.close();
  },
  list: async () => {
    await seed(client, { prefix: 'lister', conversations: 2_000, members: 10, messages: 5, users: 10 });
    const times: number[] = [];
    for (let at = 0; at < 200; at += 1) {
      const started = performance.now();
      await client.query(`select * from list_conversations('', 'lister-${at % 10}', false, null, null, 0, 21, 5)`);
      times.push(performance.now() - started);
    }
    say(`the first page of a user of 2,000 conversations: ${quantiles(times.sort((a, b) => a - b))}`);
  },
  recount: async () => {
    await seed(client, { prefix: 'counted', conversations: 1_000, members: 20, messages: 1_000, users: 500 });
    const token = await benchToken('backend', ['service']);
    const started = performance.now();
    const sums = { messages: 0, members: 0, corrections: 0, longest: 0 };
    for (let after: string | null | undefined; after !== null;) {
      const asked = performance.now();
      const answer = await fetch(`http://127.0.0.1:${server.port}/apps/conversations/recount`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify(after === undefined ? {} : { after }),
      });
      const part = (await answer.json()) as {
        messages: number;
        members: number;
        corrections: number;
        next: string | null;
      };
      if (answer.status !== 200) throw new Error(JSON.stringify(part));
      sums.messages += part.messages;
      sums.members += part.members;
      sums.corrections += part.corrections;
      sums.longest = Math.max(sums.longest, performance.now() - asked);
      after = part.next;
    }
    say(
      `a recount of ${sums.messages} messages and ${sums.members} members: corrections: ${sums.corrections}, ${((performance.now() - started) / 1_000).toFixed(1)} s in all, the longest part ${(sums.longest / 1_000).toFixed(1)} s`,
    );
  },
};
for (const name of parts.split(',')) await all[name]?.();
await client.end();
await server.stop();

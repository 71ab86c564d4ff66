/**
 * The books: so many messages each way while nodes, Redis and PostgreSQL are killed and vendors cut connections. Every message is
 * where it belongs once; one whose answer was lost and of which no status tells is named as unknown, and was not sent.
 * `LEDGER=10000 npx vitest run test/apps/bridge/ledger.test.ts` is the long one; with LEDGER_QUEUE=rabbitmq its queues are at
 * RabbitMQ, which is killed too.
 */
import { expect, test } from 'vitest';
import { FakeGraphApi } from '../../fakes/graph-api.ts';
import { FakeOpenMessaging } from '../../fakes/open-messaging.ts';
import { BridgeProcess } from '../../harness/bridge-processes.ts';
import { writeTenant } from '../../harness/bridge-tenant.ts';
import { eventually } from '../../harness/deadline.ts';
import { POSTGRESQL, startPostgresql } from '../../harness/postgresql-server.ts';
import { makeRabbitmq, RABBITMQ } from '../../harness/rabbitmq-server.ts';
import { startDurableRedis } from '../../harness/redis-server.ts';

const COUNT = Number(process.env['LEDGER'] ?? 40);
/** Half of them each way. */
const EACH = Math.ceil(COUNT / 2);
/** A trace shows a hundred messages of each. */
const CUSTOMERS = Math.min(EACH, Math.max(20, Math.ceil(COUNT / 90)));
const QUEUE = process.env['LEDGER_QUEUE'] ?? 'redis';
const MINUTE = 60_000;
const LONG_MS = MINUTE * 4 + COUNT * 100;

interface Traced {
  readonly direction: 'in' | 'out';
  readonly status: string;
  readonly genesysId: string | null;
}

test.skipIf(POSTGRESQL === null || (QUEUE === 'rabbitmq' && RABBITMQ === null))(
  `W-08, W-33: of ${COUNT} messages none is lost and none is there twice, whatever is killed`,
  async () => {
    const [meta, desk, postgresql, redis, rabbitmq] = await Promise.all([
      FakeGraphApi.start(),
      FakeOpenMessaging.start(),
      startPostgresql(),
      startDurableRedis(),
      QUEUE === 'rabbitmq' ? makeRabbitmq().then((server) => server.start()) : null,
    ]);
    const database = await postgresql.database();
    await writeTenant(database, meta, desk);
    const settings = {
      'redis.url': redis.url,
      ...(rabbitmq !== null && { 'queue.url': rabbitmq.url }),
      'apps.bridge.attempts': '100',
      'apps.bridge.retry_ms': '50',
      'apps.bridge.max_retry_ms': '500',
      'apps.bridge.settle_ms': '5000',
      'apps.bridge.messages_per_second': '1000',
      'apps.bridge.call_ms': '2000',
    };
    const nodes = await Promise.all(
      ['n1', 'n2'].map((name) => BridgeProcess.make(name, { database, meta, desk, settings })),
    );
    for (const node of nodes) await node.start();
    meta.tell(
      `${nodes[0]?.url ?? ''}/webhooks/whatsapp`,
      nodes.map(({ url }) => `${url}/webhooks/whatsapp`),
    );
    desk.tell(
      `${nodes[1]?.url ?? ''}/webhooks/genesys`,
      nodes.map(({ url }) => `${url}/webhooks/genesys`),
    );

    const numberOf = (n: number): string => String(491_709_000_000 + (n % CUSTOMERS));
    const sent: { readonly id: string; readonly text: string }[] = [];
    const kills = killing();
    const over = new AbortController();
    const chaos = (async () => {
      while (!over.signal.aborted) {
        await pause(700 + kills.random() * 800);
        if (over.signal.aborted) return;
        const part = kills.next();
        if (part === 'redis') {
          await redis.kill();
          await redis.start();
          if (rabbitmq === null) continue;
          await rabbitmq.kill();
          await rabbitmq.start();
        } else if (part === 'postgresql') {
          await postgresql.stop('SIGQUIT');
          await postgresql.start();
        } else if (part === 'cut') {
          meta.script.push({ cut: kills.random() < 0.5 ? 'after' : 'before' }, { status: 500 });
          desk.script.push({ cut: 'after' }, { status: 503 });
        } else {
          const node = nodes[part];
          await node?.kill();
          await node?.start();
        }
      }
    })();
    const taken: Promise<void>[] = [];
    for (let n = 0; n < EACH; n += 1) {
      taken.push(meta.say(numberOf(n), `in ${n}`).taken);
      const { id, taken: answered } = desk.say(numberOf(n), `out ${n}`);
      sent.push({ id, text: `out ${n}` });
      taken.push(answered);
      if (n % 10 === 9) await pause(500);
      // So that vendors do not wait for hundreds of answers at once.
      if (taken.length >= 200) await Promise.all(taken.splice(0));
    }
    await Promise.all(taken);
    over.abort();
    await chaos;
    meta.script.length = 0;
    desk.script.length = 0;

    const outcomes = async (): Promise<readonly Traced[]> => {
      const pages = await Promise.all(
        Array.from({ length: CUSTOMERS }, async (_, n) => {
          const page = (await nodes[0]?.get(`/apps/bridge/trace?number=${numberOf(n)}&limit=100`)) as {
            readonly messages?: readonly Traced[];
          };
          return page.messages ?? [];
        }),
      );
      return pages.flat();
    };
    const isAtEnd = ({ status }: Traced): boolean => status !== 'pending' && status !== 'sending';
    const most = Math.min(100 * CUSTOMERS, EACH * 2);
    await eventually(
      async () => {
        const all = await outcomes();
        return all.length >= most && all.every(isAtEnd);
      },
      'every message to be at its end',
      LONG_MS,
    );
    await Promise.allSettled([...meta.server.underWay, ...desk.server.underWay]);

    const counted = (texts: readonly string[]): ReadonlyMap<string, number> => {
      const counts = new Map<string, number>();
      for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1);
      return counts;
    };
    const atDesk = counted(desk.inbox.map(({ text }) => text));
    const atPhones = counted(meta.sent.map(({ body }) => (body['text'] as { body: string }).body));
    const unknown = new Set(
      (await outcomes()).filter(({ status }) => status === 'unknown').map((one) => one.genesysId),
    );
    for (let n = 0; n < EACH; n += 1) expect(atDesk.get(`in ${n}`), `in ${n}`).toBe(1);
    for (const { id, text } of sent) expect(atPhones.get(text) ?? 0, text).toBe(unknown.has(id) ? 0 : 1);
    expect([atDesk.size, atPhones.size]).toEqual([EACH, EACH - unknown.size]);
    // W-41: the whole of it has left no number and no secret in a log.
    for (const node of nodes) {
      expect(node.output).not.toMatch(/49170900\d{4}|wamid\./);
      for (const secret of [meta.token, meta.appSecret, desk.clientSecret, desk.webhookSecret])
        expect(node.output).not.toContain(secret);
    }
    // oxlint-disable-next-line no-console -- what the books say
    console.log(
      `${COUNT} messages, ${kills.count} kills and cuts, ${unknown.size} unknown, ${desk.again.length} calls of Genesys again`,
    );
    for (const node of nodes) await node.end();
    await Promise.all([meta.stop(), desk.stop()]);
    redis.end();
    rabbitmq?.end();
    postgresql.end();
  },
  LONG_MS * 2,
);

type Killed = number | 'redis' | 'postgresql' | 'cut';

/** Seeded, so that two runs kill in the same order. */
function killing(): { readonly next: () => Killed; readonly random: () => number; readonly count: number } {
  const parts: readonly Killed[] = [0, 1, 'redis', 'postgresql', 'cut', 'cut'];
  let state = Number(process.env['LEDGER_SEED'] ?? 1);
  let count = 0;
  const random = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  return {
    random,
    next: () => {
      count += 1;
      return parts[Math.floor(random() * parts.length)] ?? 'cut';
    },
    get count() {
      return count;
    },
  };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

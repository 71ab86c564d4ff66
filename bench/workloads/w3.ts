/** W3: idle subscribed connections, each with a user and token of its own: memory, and what accepting them costs. */
import { alternate, available, ratio, type Entry } from '../entry.ts';
import { Client, type ClientOptions } from '../generator/client.ts';
import { Tally } from '../generator/tally.ts';
import { pause } from '../pause.ts';
import { cpuSeconds, residentBytes } from '../processes.ts';
import type { Plan, Section } from '../section.ts';
import { isSignalbox, SERVERS, type ServerName } from '../servers.ts';
import { median, short } from '../statistics.ts';
import { userTokens } from '../tokens.ts';
import { openAll } from './fan-out.ts';

interface IdleResult {
  readonly connections: number;
  readonly bytesEach: number;
  /** Of server CPU, to accept one connection that was never seen before (Signalbox: and verify its token). */
  readonly firstAcceptMicros: number;
  /** The same when it comes back: its token has been verified before. */
  readonly acceptMicros: number;
  /** Accepts per second of wall-clock time, the generator included. */
  readonly acceptsPerSecond: number;
  readonly subscribeMicros: number;
  readonly faults: number;
}

const CONNECTIONS = 15_000;
const TOPICS = 500;
/** Opened first, so that what a process allocates only once is not counted. */
const EARLIER = 200;
const SETTLE_SECONDS = 2.5;
const LEAVE_SECONDS = 1.5;
const BASE = 'raw uWebSockets.js';
const OURS = 'Signalbox, JSON';

export async function w3(plan: Plan): Promise<Section> {
  const connections = plan.isQuick ? 1_000 : CONNECTIONS;
  plan.say(`W3: ${connections} idle subscribed connections`);
  const entries = available(
    [
      { server: 'raw-native', label: BASE, rounds: 2 },
      { server: 'signalbox-json', label: OURS, rounds: 2 },
      { server: 'signalbox-sse', label: 'Signalbox, server-sent events', rounds: 2 },
      { server: 'bun', label: 'Bun', rounds: 1 },
      { server: 'ws', label: 'ws', rounds: 1 },
      { server: 'socket.io', label: 'Socket.IO', rounds: 1 },
      { server: 'nats', label: 'nats-server', rounds: 1 },
    ] satisfies Entry[],
    plan,
  );
  const tokens = await userTokens(connections);
  const results = await alternate(entries, plan, ({ server }) => idle(server, tokens), describe);
  const reached = (figure: (run: IdleResult) => number): number => median((results.get(OURS) ?? []).map(figure));
  const accepts = ratio(results, BASE, OURS, (run) => run.acceptMicros);
  return {
    id: 'w3',
    title: `W3: ${connections.toLocaleString('en')} idle subscribed connections, each a user of its own, 500 topics`,
    notes: [
      'Resident memory each; server CPU to accept one for the first time, and when it comes back (Signalbox then finds its token verified); CPU to subscribe it.',
    ],
    tables: [table(entries, results)],
    charts: [
      {
        kind: 'bars',
        name: 'w3',
        title: 'W3: resident bytes per idle connection (less is better)',
        bars: entries.flatMap(({ label, server }) => {
          const figures = (results.get(label) ?? []).map((run) => run.bytesEach);
          if (figures.length === 0) return [];
          return [
            {
              label,
              value: median(figures),
              low: Math.min(...figures),
              high: Math.max(...figures),
              isOurs: isSignalbox(server),
            },
          ];
        }),
      },
    ],
    targets: [
      { text: 'W3, resident bytes each', goal: 2_300, compare: '<=', reached: reached((run) => run.bytesEach) },
      { text: 'W3, accepts per CPU-second with a cached token × raw', goal: 0.6, compare: '>=', reached: accepts },
    ],
    figures: Object.fromEntries(results),
  };
}

async function idle(server: ServerName, tokens: readonly string[]): Promise<IdleResult> {
  const running = await SERVERS[server].start({});
  const { pid, port } = running;
  const wire = SERVERS[server].wire(0);
  const tally = new Tally();
  const options: ClientOptions[] = tokens.map((token, at) => ({
    port,
    wire,
    topic: `idle.${at % TOPICS}`,
    token,
    tally,
    role: 'subscriber',
  }));
  let clients: Client[] = [];
  try {
    const earlier = await openAll(
      (await userTokens(EARLIER, 'early')).map((token) => ({ ...(options[0] as ClientOptions), token })),
    );
    await pause(1);
    const empty = residentBytes(pid);
    const first = await opened();
    const beforeSubscribe = cpuSeconds(pid);
    await Promise.all(clients.map((client) => client.subscribe()));
    await pause(SETTLE_SECONDS);
    const subscribeMicros = ((cpuSeconds(pid) - beforeSubscribe) / tokens.length) * 1e6;
    const bytesEach = (residentBytes(pid) - empty) / tokens.length;
    for (const client of clients) client.destroy();
    await pause(LEAVE_SECONDS);
    const again = await opened();
    clients = [...clients, ...earlier];
    return {
      connections: tokens.length,
      bytesEach,
      firstAcceptMicros: first.micros,
      acceptMicros: again.micros,
      acceptsPerSecond: again.perSecond,
      subscribeMicros,
      faults: tally.refused + tally.closed,
    };
  } finally {
    for (const client of clients) client.destroy();
    await running.stop();
  }

  async function opened(): Promise<{ micros: number; perSecond: number }> {
    const cpu = cpuSeconds(pid);
    const started = performance.now();
    clients = await openAll(options, (each) => Client.connect(each));
    const elapsed = (performance.now() - started) / 1_000;
    return { micros: ((cpuSeconds(pid) - cpu) / tokens.length) * 1e6, perSecond: tokens.length / elapsed };
  }
}

function describe(run: IdleResult): string {
  return `${run.bytesEach.toFixed(0)} B each, accept ${run.firstAcceptMicros.toFixed(0)} then ${run.acceptMicros.toFixed(0)} µs, subscribe ${run.subscribeMicros.toFixed(0)} µs${run.faults > 0 ? `, ${run.faults} FAULTS` : ''}`;
}

function table(entries: readonly Entry[], results: ReadonlyMap<string, readonly IdleResult[]>): Section['tables'][0] {
  return {
    columns: [
      'server',
      'bytes each',
      'first accept, µs of CPU',
      'accept again, µs',
      'accepts per CPU-s',
      'accepts per s',
      'subscribe, µs',
      'rounds',
      'wrong',
    ],
    rows: entries.flatMap(({ label, server }) => {
      const runs = results.get(label) ?? [];
      if (runs.length === 0) return [];
      const middle = (figure: (run: IdleResult) => number): number => median(runs.map(figure));
      return [
        [
          isSignalbox(server) ? `**${label}**` : label,
          `**${middle((run) => run.bytesEach).toFixed(0)}**`,
          middle((run) => run.firstAcceptMicros).toFixed(0),
          middle((run) => run.acceptMicros).toFixed(0),
          short(1e6 / middle((run) => run.acceptMicros)),
          short(middle((run) => run.acceptsPerSecond)),
          middle((run) => run.subscribeMicros).toFixed(0),
          String(runs.length),
          String(runs.reduce((sum, { faults }) => sum + faults, 0)),
        ],
      ];
    }),
  };
}

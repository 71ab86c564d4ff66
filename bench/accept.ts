/**
 * What a handshake costs the server, in many short slices that alternate between servers which all stay alive: on a
 * machine whose speed drifts, neighbours in time are compared and nothing else. Other checkouts are compared with this
 * one by their paths; the socket library alone is always there.
 * Run: taskset -c 1 node bench/accept.ts [--against DIR] [--slices 40] [--handshakes 500] [--fresh 0]
 */
import { createHmac } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { LeanSocket } from '../src/load/lean-socket.ts';
import { pause } from './pause.ts';
import type { ServerProcess } from './processes.ts';
import type { Settings } from './servers.ts';
import { median } from './statistics.ts';
import { BENCH_SECRET } from './tokens.ts';

const { values } = parseArgs({
  options: {
    against: { type: 'string', multiple: true, default: [] },
    slices: { type: 'string', default: '40' },
    handshakes: { type: 'string', default: '500' },
    /** Rounds of servers that have just been started, as in W3: so many handshakes, then the same clients again. */
    fresh: { type: 'string', default: '0' },
    crowd: { type: 'string', default: '15000' },
  },
});
const PARALLEL = 64;
const SETTLE_SECONDS = 0.01;
const LEAVE_SECONDS = 0.05;
const CROWD_LEAVES_SECONDS = 1.5;
/** Slices that nobody counts: the servers compile what they run. */
const WARM_UP = 8;
const EARLY = 200;
const STEPS = ['new', 'known', 'leave'] as const;

type Step = (typeof STEPS)[number];
/** Microseconds of CPU for each handshake, slice by slice. */
type Figures = Record<Step, number[]>;

interface Peer {
  readonly label: string;
  readonly isRaw: boolean;
  readonly start: () => Promise<ServerProcess>;
}

interface Servers {
  startSignalbox(settings: Settings): Promise<ServerProcess>;
  readonly SERVERS: Readonly<Record<'raw-native', { start(settings: Settings): Promise<ServerProcess> }>>;
}

const own = fileURLToPath(new URL('..', import.meta.url));
const peers: Peer[] = [];
for (const [at, directory] of [own, ...values.against].entries()) {
  const servers = (await import(pathToFileURL(join(directory, 'bench/servers.ts')).href)) as Servers;
  peers.push({ label: at === 0 ? 'here' : directory, isRaw: false, start: () => servers.startSignalbox({}) });
  if (at === 0) peers.push({ label: 'raw', isRaw: true, start: () => servers.SERVERS['raw-native'].start({}) });
}

let users = 0;
const slices = Number(values.slices);
if (slices > 0) report(`${slices} slices of ${values.handshakes} handshakes, all servers alive`, await alternate());
const fresh = Number(values.fresh);
if (fresh > 0) report(`${fresh} rounds of ${values.crowd} handshakes, fresh servers`, await freshly());
process.exit(0);

async function alternate(): Promise<Map<Peer, Figures>> {
  const figures = new Map(peers.map((peer) => [peer, emptyFigures()]));
  const running = await Promise.all(peers.map((peer) => peer.start()));
  for (let slice = -WARM_UP; slice < slices; slice += 1) {
    // The order changes, so that no server always follows the same one.
    for (let turn = 0; turn < peers.length; turn += 1) {
      const at = (turn + Math.abs(slice)) % peers.length;
      const [peer, server] = [peers[at] as Peer, running[at] as ServerProcess];
      const into = slice < 0 ? emptyFigures() : (figures.get(peer) as Figures);
      await come(server, peer, Number(values.handshakes), into, LEAVE_SECONDS);
    }
  }
  await Promise.all(running.map((server) => server.stop()));
  return figures;
}

async function freshly(): Promise<Map<Peer, Figures>> {
  const figures = new Map(peers.map((peer) => [peer, emptyFigures()]));
  for (let round = 0; round < fresh; round += 1) {
    for (let turn = 0; turn < peers.length; turn += 1) {
      const peer = peers[(turn + round) % peers.length] as Peer;
      const server = await peer.start();
      await come(server, peer, EARLY, emptyFigures(), 1);
      await come(server, peer, Number(values.crowd), figures.get(peer) as Figures, CROWD_LEAVES_SECONDS);
      await server.stop();
    }
  }
  return figures;
}

/** New clients come and go, and then the same come back and go. */
async function come(server: ServerProcess, peer: Peer, count: number, into: Figures, leave: number): Promise<void> {
  const paths = Array.from({ length: count }, () => (peer.isRaw ? '/' : `/ws?token=${token()}&format=json`));
  for (const step of ['new', 'known'] as const) {
    const before = cpuMicros(server.pid);
    const sockets = await openAll(server.port, paths, peer.isRaw);
    await pause(SETTLE_SECONDS);
    const open = cpuMicros(server.pid);
    for (const socket of sockets) socket.destroy();
    await pause(leave);
    into[step].push((open - before) / count);
    if (step === 'known') into.leave.push((cpuMicros(server.pid) - open) / count);
  }
}

async function openAll(port: number, paths: readonly string[], isRaw: boolean): Promise<LeanSocket[]> {
  const sockets: LeanSocket[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let at = next++; at < paths.length; at = next++) sockets.push(await open(port, paths[at] as string, isRaw));
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
  return sockets;
}

/** Open when the server has said its first word; the library alone says nothing. */
async function open(port: number, path: string, isRaw: boolean): Promise<LeanSocket> {
  let greeted = (): void => {};
  const greeting = new Promise<void>((resolve) => {
    greeted = resolve;
  });
  const socket = await LeanSocket.open({ host: '127.0.0.1', port, path, onMessage: () => greeted() });
  if (!isRaw) await greeting;
  return socket;
}

/** A token of a user that nobody has seen. */
function token(): string {
  users += 1;
  const seconds = Math.floor(Date.now() / 1_000);
  const claims = { roles: ['user'], sub: `user-${users}`, iat: seconds, exp: seconds + 3_600 };
  const signed = `${encoded({ alg: 'HS256' })}.${encoded(claims)}`;
  return `${signed}.${createHmac('sha256', BENCH_SECRET).update(signed).digest('base64url')}`;
}

function encoded(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

/** Of all threads of a process, as the scheduler counts them: in nanoseconds, where the usual counts are in ticks of 10 ms. */
function cpuMicros(pid: number): number {
  let nanos = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`))
    nanos += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]);
  return nanos / 1_000;
}

function emptyFigures(): Figures {
  return { new: [], known: [], leave: [] };
}

function report(title: string, figures: ReadonlyMap<Peer, Figures>): void {
  console.log(`\n${title} (µs of server CPU for each handshake: fastest quarter, median)`);
  const here = figures.get(peers[0] as Peer) as Figures;
  for (const [{ label }, each] of figures) {
    const cells = STEPS.map((step) => {
      const times = each[step];
      const ratios = times.map((time, at) => (here[step][at] as number) / time);
      return `${step} ${quarter(times).toFixed(1)} ${median(times).toFixed(1)} (here × ${median(ratios).toFixed(3)}, quarters ${(quarter(here[step]) / quarter(times)).toFixed(3)})`;
    });
    console.log(`${label.padEnd(16)} ${cells.join('; ')}`);
  }
}

/** The first quartile. */
function quarter(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 4)] as number;
}

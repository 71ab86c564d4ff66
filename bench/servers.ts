/** The servers that are compared: how each is started, and how it is spoken to. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort, start, type ServerProcess } from './processes.ts';
import { startJetStream, startNats } from './nats-server.ts';
import type { Wire } from './generator/wire.ts';
import { jetStream } from './generator/wires/jetstream.ts';
import { nats } from './generator/wires/nats.ts';
import { nchan } from './generator/wires/nchan.ts';
import { rawWire } from './generator/wires/raw.ts';
import { signalboxEvents, signalboxJson } from './generator/wires/signalbox-json.ts';
import { signalboxSocketIo } from './generator/wires/signalbox-socketio.ts';
import { signalboxMsgpack } from './generator/wires/signalbox-msgpack.ts';
import { socketCluster } from './generator/wires/socketcluster.ts';
import { socketIo } from './generator/wires/socket-io.ts';
import { BENCH_SECRET } from './tokens.ts';

export type ServerName =
  | 'signalbox-json'
  | 'signalbox-msgpack'
  | 'signalbox-json+batch'
  | 'signalbox-msgpack+batch'
  | 'signalbox-sse'
  | 'signalbox-socketio'
  | 'raw-cork'
  | 'raw-native'
  | 'floor'
  | 'bun'
  | 'ws'
  | 'socket.io'
  | 'socketcluster'
  | 'nats'
  | 'jetstream'
  | 'jetstream-file'
  | 'nchan';

export type Settings = Readonly<Record<string, string>>;

interface Server {
  start(settings: Settings): Promise<ServerProcess>;
  wire(payloadBytes: number): Wire;
  /** Why it cannot be run here, in words for the reader; null when it can. */
  missing(): string | null;
}

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const PORT_LINE = /^port (\d+)$/m;
const FLOOR = join(tmpdir(), `signalbox-bench-floor-${process.pid}`);
const NCHAN_MODULE = '/usr/lib/nginx/modules/ngx_nchan_module.so';
const BUN = ['bun-linux-x64', 'bun-linux-x64-baseline', 'bun-linux-aarch64'].map((name) =>
  here(`peers/node_modules/@oven/${name}/bin/bun`),
);

/** Limits are on and out of the way: every frame pays for its charge. */
const LIMITLESS: Settings = {
  'rate_limiting.connection_rps': '1e9',
  'rate_limiting.connection_burst': '1000000000',
  'rate_limiting.user_rps': '1e9',
  'rate_limiting.user_burst': '1000000000',
  'rate_limiting.global_rps': '1e9',
  'rate_limiting.global_burst': '1000000000',
  'websocket.max_connections': '100000',
  'websocket.max_connections_per_user': '100000',
  'websocket.accepts_per_second': '100000',
  'topics.subscribe': 'user',
  'topics.publish': 'user',
  'auth.query_token': 'true',
};

const nothingMissing = (): null => null;

export const SERVERS: Readonly<Record<ServerName, Server>> = {
  'signalbox-json': { start: startSignalbox, wire: (bytes) => signalboxJson(bytes, false), missing: nothingMissing },
  'signalbox-msgpack': {
    start: startSignalbox,
    wire: (bytes) => signalboxMsgpack(bytes, false),
    missing: nothingMissing,
  },
  'signalbox-json+batch': {
    start: startSignalbox,
    wire: (bytes) => signalboxJson(bytes, true),
    missing: nothingMissing,
  },
  'signalbox-msgpack+batch': {
    start: startSignalbox,
    wire: (bytes) => signalboxMsgpack(bytes, true),
    missing: nothingMissing,
  },
  'signalbox-sse': { start: startSignalbox, wire: signalboxEvents, missing: nothingMissing },
  'signalbox-socketio': {
    start: (settings) => startSignalbox({ 'socketio.enabled': 'true', ...settings }),
    wire: signalboxSocketIo,
    missing: nothingMissing,
  },
  'raw-cork': { start: () => startNode('raw-uws.ts', 'cork'), wire: () => rawWire, missing: nothingMissing },
  'raw-native': { start: () => startNode('raw-uws.ts', 'native'), wire: () => rawWire, missing: nothingMissing },
  floor: { start: startFloor, wire: () => rawWire, missing: floorMissing },
  bun: { start: startBun, wire: () => rawWire, missing: bunMissing },
  ws: { start: () => startNode('ws.mjs'), wire: () => rawWire, missing: packagesMissing },
  'socket.io': { start: () => startNode('socket-io.mjs'), wire: socketIo, missing: packagesMissing },
  socketcluster: { start: () => startNode('socketcluster.mjs'), wire: socketCluster, missing: packagesMissing },
  nats: { start: startNats, wire: nats, missing: natsMissing },
  jetstream: { start: () => startJetStream('memory'), wire: jetStream, missing: natsMissing },
  'jetstream-file': { start: () => startJetStream('file'), wire: jetStream, missing: natsMissing },
  nchan: {
    start: startNchan,
    wire: () => nchan,
    missing: () =>
      onPath('nginx') && existsSync(NCHAN_MODULE)
        ? null
        : 'nginx with nchan is not installed (Debian packages nginx-light and libnginx-mod-nchan)',
  },
};

export function isSignalbox(name: ServerName): boolean {
  return name.startsWith('signalbox');
}

/**
 * @param core the processor to run on; default: the server's
 * @param checkout the root of the checkout whose server it is, with its own dependencies; default: this one
 */
export function startSignalbox(settings: Settings, core?: number, checkout = here('..')): Promise<ServerProcess> {
  const assignments = Object.entries({ ...LIMITLESS, ...settings }).flatMap(([key, value]) => [
    '--set',
    `${key}=${value}`,
  ]);
  const serve = [join(checkout, 'signalbox'), 'serve', '--host', '127.0.0.1', '--port', '0', ...assignments];
  return start({
    argv: serve,
    env: { JWT_SECRET: BENCH_SECRET },
    ready: /"port":(\d+).*"message":"Serving"/,
    ...(core !== undefined && { core }),
  });
}

function startNode(file: string, ...rest: string[]): Promise<ServerProcess> {
  return start({ argv: [process.execPath, here(`peers/${file}`), ...rest], ready: PORT_LINE });
}

/** Builds the floor when it is first asked for. */
function floorMissing(): string | null {
  if (existsSync(FLOOR)) return null;
  const built = spawnSync('cc', ['-O2', '-o', FLOOR, here('peers/floor.c')], { stdio: 'ignore' });
  process.once('exit', () => rmSync(FLOOR, { force: true }));
  return built.status === 0 ? null : 'there is no C compiler (cc) to build bench/peers/floor.c with';
}

function startFloor(): Promise<ServerProcess> {
  return start({ argv: [FLOOR], ready: PORT_LINE });
}

let bun: string | null | undefined;

function bunMissing(): string | null {
  return findBun() === null ? 'Bun is not installed or does not run here (make bench installs it)' : null;
}

/** The binary for this processor: npm brings one for old processors too. */
function findBun(): string | null {
  bun ??=
    BUN.find((path) => existsSync(path) && spawnSync(path, ['--version'], { stdio: 'ignore' }).status === 0) ?? null;
  return bun;
}

function startBun(): Promise<ServerProcess> {
  return start({ argv: [findBun() ?? '', here('peers/bun.mjs')], ready: PORT_LINE });
}

function packagesMissing(): string | null {
  return existsSync(here('peers/node_modules')) ? null : 'bench/peers is not installed (make bench installs it)';
}

function natsMissing(): string | null {
  return onPath('nats-server') ? null : 'nats-server is not installed (Debian package nats-server)';
}

async function startNchan(): Promise<ServerProcess> {
  const port = await freePort();
  // One process, like all the others.
  const config = (directory: string): string => `load_module ${NCHAN_MODULE};
daemon off; master_process off; pid ${directory}/pid; error_log /dev/null crit; worker_rlimit_nofile 20000;
events { worker_connections 19000; }
http {
  access_log off;
  client_body_temp_path ${directory}; proxy_temp_path ${directory}; fastcgi_temp_path ${directory};
  uwsgi_temp_path ${directory}; scgi_temp_path ${directory};
  nchan_shared_memory_size 256M;
  server {
    listen 127.0.0.1:${port};
    location ~ /sub/(.+)$ { nchan_subscriber websocket; nchan_channel_id $1; nchan_subscriber_first_message newest; }
    location ~ /pub/(.+)$ { nchan_publisher websocket; nchan_channel_id $1; nchan_message_buffer_length 5000; }
  }
}\n`;
  const directory = mkdtempSync(join(tmpdir(), 'signalbox-bench-'));
  const path = join(directory, 'nginx.conf');
  writeFileSync(path, config(directory));
  const server = await start({ argv: ['nginx', '-p', directory, '-c', path, '-e', '/dev/null'], port });
  return { ...server, stop: () => server.stop().then(() => rmSync(directory, { recursive: true, force: true })) };
}

function onPath(command: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${command}`], { stdio: 'ignore' }).status === 0;
}

/** nginx with the configuration of deploy/, in front of the nodes. */
import { accessSync, constants, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from './ports.ts';
import { eventually, Program } from './processes.ts';

const CONFIG = fileURLToPath(new URL('../../deploy/nginx/nginx.conf', import.meta.url));
const SERVERS = /server server-1:8081(.*)\n.*server server-2:8081.*\n/g;

export interface Proxy {
  readonly url: string;
  readonly pid: number;
  stop(): Promise<void>;
}

/**
 * @param nodes host:port of each
 * @param connections of clients and to nodes together
 * @returns null where there is none, and one line says so
 */
export async function startNginx(nodes: readonly string[], connections = 512): Promise<Proxy | null> {
  const program = nginxPath();
  if (program === null) {
    process.stdout.write('skipped: no proxy in front of the nodes (nginx is not installed)\n');
    return null;
  }
  const directory = mkdtempSync(join(tmpdir(), 'signalbox-chaos-nginx-'));
  const port = await freePort();
  const file = join(directory, 'nginx.conf');
  writeFileSync(file, configFor(port, nodes, connections, directory));
  // One process, so that none is left when it is killed.
  const nginx = new Program([program, '-c', file, '-p', directory, '-g', 'daemon off; master_process off;']);
  await eventually(async () => {
    if (!nginx.isRunning) throw new Error(`nginx ended: ${nginx.output}`);
    return fetch(`http://127.0.0.1:${port}/health/ready`).then(
      ({ status }) => status === 200,
      () => false,
    );
  }, 'nginx to serve');
  return {
    url: `ws://127.0.0.1:${port}/ws`,
    pid: nginx.pid,
    stop: async () => {
      await nginx.end('SIGTERM');
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function configFor(port: number, nodes: readonly string[], connections: number, directory: string): string {
  const delivered = readFileSync(CONFIG, 'utf8');
  const parameters = delivered.matchAll(SERVERS).next().value?.[1];
  if (parameters === undefined) throw new Error(`expected two servers in ${CONFIG}`);
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `${kind}_temp_path ${directory}/${kind};`,
  );
  const changes: readonly (readonly [string | RegExp, string])[] = [
    // As root, nginx would start its workers as somebody who may not read this directory.
    ['pid /run/nginx.pid;', `pid ${directory}/nginx.pid;${process.getuid?.() === 0 ? ' user root;' : ''}`],
    ['worker_processes auto;', 'worker_processes 1;'],
    ['worker_rlimit_nofile 65536;', ''],
    ['worker_connections 32768;', `worker_connections ${connections};`],
    ['access_log /dev/stdout plain;', `access_log ${directory}/access.log plain;`],
    ['listen 80;', `listen 127.0.0.1:${port};`],
    ['listen [::]:80;', ''],
    // All clients here have one address; they keep to WebSockets, which need not stay at one node.
    ['hash $remote_addr consistent;', 'least_conn;'],
    [SERVERS, nodes.map((node) => `server ${node}${parameters}\n`).join('')],
    ['http {', `http {\n${temporary.join('\n')}`],
  ];
  let text = delivered;
  for (const [from, to] of changes) {
    const changed = text.replace(from, () => to);
    if (changed === text) throw new Error(`expected ${String(from)} in ${CONFIG}`);
    text = changed;
  }
  return text;
}

function nginxPath(): string | null {
  const directories = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin', '/usr/local/sbin'];
  for (const directory of directories) {
    try {
      accessSync(join(directory, 'nginx'), constants.X_OK);
      return join(directory, 'nginx');
    } catch {
      // Not here.
    }
  }
  return null;
}

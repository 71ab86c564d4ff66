/** A real proxy with the configuration of deploy/, on a free port; it ends with the test. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { eventually, within } from './deadline.ts';
import { freePort } from './free-port.ts';
import { toolPath } from './tools.ts';

export type ProxyName = 'nginx' | 'haproxy';

export interface ProxyOptions {
  /** Ports of the two nodes. */
  readonly nodes: readonly [number, number];
  /** Instead of the 90 s of silence that the configuration allows. */
  readonly silenceSecs: number;
  /** Of clients and to nodes together: 64. */
  readonly connections?: number;
  /** What else is changed in the configuration. */
  readonly changes?: readonly (readonly [from: string, to: string])[];
}

/** The nodes are named for each group that a proxy knows. */
const REPEATED = /server-[12]|check inter/;
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const FILES: Readonly<Record<ProxyName, string>> = {
  nginx: 'deploy/nginx/nginx.conf',
  haproxy: 'deploy/haproxy/haproxy.cfg',
};

/** The configuration as it is delivered. */
export function proxyConfig(name: ProxyName): string {
  return readFileSync(join(ROOT, FILES[name]), 'utf8');
}

export interface RunningProxy {
  readonly port: number;
  /** What it logged of requests so far. */
  log(): string;
}

export async function startProxy(name: ProxyName, options: ProxyOptions): Promise<RunningProxy> {
  const directory = mkdtempSync(join(tmpdir(), `signalbox-${name}-`));
  const port = await freePort();
  const file = join(directory, 'proxy.conf');
  writeFileSync(file, name === 'nginx' ? nginxFor(port, options, directory) : haproxyFor(port, options));
  // In the foreground, as one process group of its own that ends with its parent.
  const args = name === 'nginx' ? ['-c', file, '-p', directory, '-g', 'daemon off;'] : ['-db', '-f', file];
  const child = spawn(toolPath(name) ?? name, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const output = textOf(child);
  const exited = new Promise<void>((resolve) => {
    child.once('close', () => resolve());
  });
  onTestFinished(async () => {
    child.kill(name === 'nginx' ? 'SIGTERM' : 'SIGUSR1');
    if (name === 'haproxy') child.kill('SIGTERM');
    await within(exited, `${name} to end`);
    rmSync(directory, { recursive: true });
  });
  await eventually(async () => {
    if (child.exitCode !== null) throw new Error(`${name} ended with ${child.exitCode}: ${output()}`);
    return fetch(`http://127.0.0.1:${port}/health/ready`).then(
      ({ status }) => status === 200,
      () => false,
    );
  }, `${name} to serve`);
  const log = name === 'nginx' ? () => readFileSync(join(directory, 'access.log'), 'utf8') : output;
  return { port, log };
}

function nginxFor(
  port: number,
  { nodes, silenceSecs, connections = 64, changes = [] }: ProxyOptions,
  directory: string,
): string {
  return replaced(proxyConfig('nginx'), [
    ...changes,
    ['pid /run/nginx.pid;', `pid ${directory}/nginx.pid;${asWhoeverRuns()}`],
    ['worker_processes auto;', 'worker_processes 1;'],
    // What a test machine allows.
    ['worker_rlimit_nofile 65536;', ''],
    ['worker_connections 32768;', `worker_connections ${connections};`],
    // What Node.js gives a child to write to is no file that can be opened again.
    ['access_log /dev/stdout plain;', `access_log ${directory}/access.log plain;`],
    ['listen 80;', `listen 127.0.0.1:${port};`],
    ['listen [::]:80;', ''],
    ['server server-1:8081', `server 127.0.0.1:${nodes[0]}`],
    ['server server-2:8081', `server 127.0.0.1:${nodes[1]}`],
    ['proxy_read_timeout 90s;', `proxy_read_timeout ${silenceSecs}s;`],
    ['proxy_send_timeout 90s;', `proxy_send_timeout ${silenceSecs}s;`],
    // Not below /var, which only root may write to.
    [
      'http {',
      `http {\n${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${directory}/${kind};`).join('\n')}`,
    ],
  ]);
}

/** As root, nginx would start its workers as somebody who may not read this directory. */
function asWhoeverRuns(): string {
  return process.getuid?.() === 0 ? ' user root;' : '';
}

function haproxyFor(port: number, { nodes, silenceSecs, connections = 64, changes = [] }: ProxyOptions): string {
  return replaced(proxyConfig('haproxy'), [
    ...changes,
    ['maxconn 30000', `maxconn ${connections}`],
    ['bind :80', `bind 127.0.0.1:${port}`],
    ['server-1 server-1:8081', `server-1 127.0.0.1:${nodes[0]}`],
    ['server-2 server-2:8081', `server-2 127.0.0.1:${nodes[1]}`],
    // Twenty checks while it would make one.
    ['check inter 2s', 'check inter 100ms'],
    ['timeout tunnel 90s', `timeout tunnel ${silenceSecs}s`],
  ]);
}

/** Each must be there, those in REPEATED more than once, or the test would run something else than what is delivered. */
function replaced(config: string, changes: readonly (readonly [from: string, to: string])[]): string {
  let text = config;
  for (const [from, to] of changes) {
    const times = text.split(from).length - 1;
    if (times === 0 || (times > 1 && !REPEATED.test(from)))
      throw new Error(`expected ${JSON.stringify(from)} once in the configuration`);
    text = text.replaceAll(from, () => to);
  }
  return text;
}

function textOf(child: ChildProcess): () => string {
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
  return () => text;
}

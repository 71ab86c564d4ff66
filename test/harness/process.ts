/** The real command line as a process of its own. It is ended by its own id, with the test file at the latest. */
import { spawn, type ChildProcess } from 'node:child_process';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { serverCommand } from './built-server.ts';
import { within } from './deadline.ts';
import { endings } from './end-of-file.ts';
import { SECRET } from './tokens.ts';

/** Hundreds of processes start the same programs: compiling them anew for each would be a third of their start. */
export const COMPILED = { NODE_COMPILE_CACHE: join(tmpdir(), 'signalbox-compile-cache') };

/** Only what the launcher needs: the variables of who runs the tests are no part of them. */
const CLEAN = { PATH: process.env['PATH'], HOME: process.env['HOME'], ...COMPILED };

/** Not per test, because tests that only run verbs run at the same time. */
const children = new Set<ChildProcess>();
endings.add(() => {
  for (const child of children) child.kill('SIGKILL');
  children.clear();
});

export type Environment = Readonly<Record<string, string>>;

export interface Outcome {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs a verb to its end, in the built server. @param input what its standard input holds; without, it is empty */
export function signalbox(
  args: readonly string[],
  environment: Environment = {},
  input: string | null = null,
): Promise<Outcome> {
  return inTurn(() => {
    const child = launch(args, environment, undefined, undefined, input === null ? 'ignore' : 'pipe');
    child.stdin?.end(input);
    return outcomeOf(child, args);
  });
}

/** Runs a verb by the launcher, or a way to it, from another directory. */
export function runLauncher(
  path: string,
  args: readonly string[],
  directory: string,
  environment: Environment = {},
): Promise<Outcome> {
  return inTurn(() => outcomeOf(launch(args, environment, path, directory), args));
}

/** Verbs at the same time: as many as there are processors, or deadlines would depend on how many tests there are. */
let turns = availableParallelism();
const queue: (() => void)[] = [];

async function inTurn<T>(work: () => Promise<T>): Promise<T> {
  if (turns === 0) await new Promise<void>((resolve) => queue.push(resolve));
  else turns -= 1;
  try {
    return await work();
  } finally {
    const next = queue.shift();
    if (next === undefined) turns += 1;
    else next();
  }
}

function outcomeOf(child: ChildProcess, args: readonly string[]): Promise<Outcome> {
  const out = textOf(child.stdout);
  const err = textOf(child.stderr);
  const ended = new Promise<Outcome>((resolve) => {
    child.once('close', (code) => resolve({ code, out: out(), err: err() }));
  });
  return within(ended, `signalbox ${args.join(' ')} to end`, 30_000);
}

export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly target: string;
  readonly timestamp: string;
  readonly node: string;
  readonly connection_id?: string;
  readonly message_id?: string;
  readonly target_count?: number;
  readonly duration_ms?: number;
  readonly port?: number;
}

/** `signalbox serve` on a free port. */
export class ServerProcess {
  readonly child: ChildProcess;
  readonly exited: Promise<number | null>;
  private readonly out: () => string;
  private readonly err: () => string;
  private servedPort = 0;

  constructor(child: ChildProcess) {
    this.child = child;
    this.out = textOf(child.stdout);
    this.err = textOf(child.stderr);
    this.exited = new Promise((resolve) => {
      child.once('close', (code) => resolve(code));
    });
  }

  get port(): number {
    return this.servedPort;
  }

  get output(): string {
    return this.out();
  }

  get errors(): string {
    return this.err();
  }

  /** Resolves with the first match in what was printed so far or will be. */
  printed(pattern: RegExp, ms = 30_000): Promise<RegExpExecArray> {
    const found = new Promise<RegExpExecArray>((resolve, reject) => {
      const look = (): void => {
        const match = pattern.exec(this.out());
        if (match !== null) resolve(match);
      };
      this.child.stdout?.on('data', look);
      this.child.once('close', (code) =>
        reject(new Error(`the server ended with ${code}: ${this.out()}${this.err()}`)),
      );
      look();
    });
    return within(found, String(pattern), ms);
  }

  async serving(ms?: number): Promise<void> {
    const match = await this.printed(/"message":"Serving".*?"port":(\d+)|"port":(\d+).*?"message":"Serving"/, ms);
    this.servedPort = Number(match[1] ?? match[2]);
  }

  signal(name: 'SIGTERM' | 'SIGINT' | 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void {
    this.child.kill(name);
  }

  /** Tells it to end and waits until it has. */
  end(name: 'SIGTERM' | 'SIGINT' = 'SIGTERM'): Promise<number | null> {
    this.signal(name);
    return within(this.exited, `the server to end after ${name}`, 30_000);
  }

  /** The log so far; throws when a line is not JSON. */
  lines(): LogLine[] {
    return this.out()
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as LogLine);
  }
}

/** What makes production serve anybody with a token, at once. */
const OPEN_ARGUMENTS = [
  'topics.subscribe=user',
  'topics.publish=user',
  'auth.query_token=true',
  'shutdown.grace_secs=2',
  'server.node_name=test-node',
].flatMap((assignment) => ['--set', assignment]);

/** Starts a server with a JSON log and waits until it serves. */
export async function startProcess(
  args: readonly string[] = [],
  environment: Environment = {},
): Promise<ServerProcess> {
  const process = spawnServer([...OPEN_ARGUMENTS, ...args], { JWT_SECRET: SECRET, ...environment });
  await process.serving();
  return process;
}

/** The server of another copy, on a free port; waits until it serves. */
export async function runServer(
  launcher: string,
  environment: Environment,
  args: readonly string[] = [],
  directory?: string,
): Promise<ServerProcess> {
  const words = ['serve', '--host', '127.0.0.1', '--port', '0', ...args];
  const process = launchServer(launcher, words, environment, directory);
  await process.serving();
  return process;
}

/** Through another way to the launcher, from another directory; waits for nothing. */
export function launchServer(
  launcher: string,
  args: readonly string[],
  environment: Environment,
  directory?: string,
): ServerProcess {
  return new ServerProcess(launch(args, environment, launcher, directory));
}

/** Starts any verb, to be watched and ended. */
export function spawnVerb(args: readonly string[], environment: Environment): ServerProcess {
  return new ServerProcess(launch(args, environment));
}

/** Starts `serve` on a free port without waiting for anything. */
export function spawnServer(args: readonly string[], environment: Environment): ServerProcess {
  return new ServerProcess(launch(['serve', '--host', '127.0.0.1', '--port', '0', ...args], environment));
}

/** A script as a process of its own, until it serves: a node that is not the command line's. */
export async function startScript(path: string, args: readonly string[], ms?: number): Promise<ServerProcess> {
  const child = track(spawn(process.execPath, [path, ...args], { env: CLEAN, stdio: ['ignore', 'pipe', 'pipe'] }));
  const server = new ServerProcess(child);
  await server.serving(ms);
  return server;
}

/** The command line with a standard output of the caller's choice. */
export function spawnWithOutput(
  args: readonly string[],
  environment: Environment,
  output: number | 'pipe',
): ServerProcess {
  const env = { ...CLEAN, ...environment };
  const child = spawn(process.execPath, [...serverCommand(), ...args], { env, stdio: ['ignore', output, 'pipe'] });
  return new ServerProcess(track(child));
}

function launch(
  args: readonly string[],
  environment: Environment,
  launcher?: string,
  directory?: string,
  input: 'ignore' | 'pipe' = 'ignore',
): ChildProcess {
  const env = { ...CLEAN, ...environment };
  const [program, ...first] = launcher === undefined ? [process.execPath, ...serverCommand()] : [launcher];
  return track(spawn(program, [...first, ...args], { env, cwd: directory, stdio: [input, 'pipe', 'pipe'] }));
}

function track<Child extends ChildProcess>(child: Child): Child {
  children.add(child);
  child.once('close', () => children.delete(child));
  return child;
}

function textOf(stream: NodeJS.ReadableStream | null): () => string {
  let text = '';
  stream?.setEncoding('utf8');
  stream?.on('data', (chunk: string) => {
    text += chunk;
  });
  return () => text;
}

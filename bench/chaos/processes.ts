/** Programs that the suite runs. Each is ended by its own id, at the latest when the suite ends. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';

const running = new Set<ChildProcess>();
/** Of what a program printed, for the report when something goes wrong. */
const KEPT_CHARACTERS = 4_000;

export class Program {
  private readonly child: ChildProcess;
  private printed = '';

  /** @param onOutput gets what it prints, as it comes */
  constructor(
    command: readonly string[],
    environment: NodeJS.ProcessEnv = process.env,
    onOutput?: (text: string) => void,
  ) {
    const [name = '', ...args] = command;
    this.child = spawn(name, args, { env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
    running.add(this.child);
    this.child.once('exit', () => running.delete(this.child));
    for (const stream of [this.child.stdout, this.child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.printed = (this.printed + text).slice(-KEPT_CHARACTERS);
        onOutput?.(text);
      });
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  get isRunning(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  /** The end of what it printed. */
  get output(): string {
    return this.printed;
  }

  signal(name: NodeJS.Signals): void {
    this.child.kill(name);
  }

  /** Resolves when it has ended. @throws Error when it has not within the time */
  async end(name: NodeJS.Signals, ms = 10_000): Promise<void> {
    if (!this.isRunning) return;
    const exited = once(this.child, 'exit');
    this.signal(name);
    const isLate = await Promise.race([exited.then(() => false), pause(ms, true, { ref: false })]);
    if (isLate) throw new Error(`expected process ${this.child.pid} to end within ${ms} ms of ${name}: ${this.output}`);
  }
}

/** For the very end, whatever has happened. */
export function killAllPrograms(): void {
  for (const child of running) child.kill('SIGKILL');
}

/** Asks again and again. @throws Error when the answer is not as wanted in time */
export async function eventually(isDone: () => boolean | Promise<boolean>, what: string, ms = 10_000): Promise<void> {
  const deadline = performance.now() + ms;
  while (!(await isDone())) {
    if (performance.now() > deadline) throw new Error(`waited ${ms} ms for ${what}`);
    await pause(20);
  }
}

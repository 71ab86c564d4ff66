/** Bare pipelined calls of the append script from a process of their own, on the server's core: what they cost it. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { atRest } from '../against/rest.ts';
import type { Pipelines } from './pipelines.ts';

const SERVER_CORE = '0';

export class BareCalls {
  private readonly child: ChildProcess;
  private readonly lines: Interface;

  private constructor(child: ChildProcess, lines: Interface) {
    this.child = child;
    this.lines = lines;
  }

  static async start(port: number, { topics, inFlight, payloadBytes }: Pipelines): Promise<BareCalls> {
    const script = fileURLToPath(new URL('bare-process.ts', import.meta.url));
    const numbers = [port, topics, inFlight, payloadBytes].map(String);
    const child = spawn('taskset', ['-c', SERVER_CORE, process.execPath, script, ...numbers], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const kill = (): boolean => child.kill('SIGKILL');
    process.once('exit', kill);
    child.once('exit', () => process.off('exit', kill));
    const lines = createInterface({ input: child.stdout });
    await once(lines, 'line');
    return new BareCalls(child, lines);
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** @returns calls, and the processor time that they took this process */
  async run(seconds: number): Promise<{ calls: number; cpu: number }> {
    const before = await atRest(this.pid);
    const answer = once(this.lines, 'line');
    this.child.stdin?.write(`${seconds * 1_000}\n`);
    const [line] = (await answer) as [string];
    return { calls: Number(line), cpu: (await atRest(this.pid)) - before };
  }

  end(): void {
    this.child.kill('SIGKILL');
  }
}

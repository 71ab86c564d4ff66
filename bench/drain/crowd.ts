/** All clients, in one process or several. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { PeerName } from './clients.ts';
import type { Answer, Order, Sent } from './generator.ts';
import type { Delivery, Silence } from './reader-record.ts';

export interface CrowdOptions {
  readonly peer: PeerName;
  readonly url: string;
  readonly clients: number;
  readonly rooms: number;
  readonly processes: number;
}

export interface CrowdWindow {
  readonly silences: readonly Silence[];
  /** How long one of the processes stood still at most. */
  readonly stallMs: number;
}

export class Crowd {
  readonly #children: readonly ChildProcess[];

  private constructor(children: readonly ChildProcess[]) {
    this.#children = children;
  }

  /** Resolves when every client is live in its room. */
  static async open({ peer, url, clients, rooms, processes }: CrowdOptions): Promise<Crowd> {
    const program = fileURLToPath(new URL('generator.ts', import.meta.url));
    const children = Array.from({ length: processes }, () =>
      fork(program, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] }),
    );
    const bound = (at: number): number => Math.round((clients * at) / processes);
    await Promise.all(
      children.map((child, at) => ask(child, { kind: 'open', peer, url, from: bound(at), to: bound(at + 1), rooms })),
    );
    return new Crowd(children);
  }

  get pids(): number[] {
    return this.#children.map(({ pid }) => pid ?? 0);
  }

  /** Ends a window of time and begins the next one. */
  async window(): Promise<CrowdWindow> {
    const answers = await this.#askAll({ kind: 'window' });
    const windows = answers.filter((answer) => answer.kind === 'window');
    return {
      silences: windows.flatMap(({ silences }) => silences),
      stallMs: Math.max(...windows.map(({ stallMs }) => stallMs)),
    };
  }

  /** What came of all that was published; waits for the rest. */
  async end(sent: Sent, patienceMs: number): Promise<Delivery[]> {
    const answers = await this.#askAll({ kind: 'end', sent, patienceMs });
    return answers.filter((answer) => answer.kind === 'end').flatMap(({ deliveries }) => deliveries);
  }

  async close(): Promise<void> {
    await Promise.all(
      this.#children.map(async (child) => {
        const exited = once(child, 'exit');
        child.disconnect();
        await exited;
      }),
    );
  }

  #askAll(order: Order): Promise<Answer[]> {
    return Promise.all(this.#children.map((child) => ask(child, order)));
  }
}

function ask(child: ChildProcess, order: Order): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null): void =>
      reject(new Error(`expected an answer to ${order.kind}: the process of the clients ended with ${code}`));
    child.once('exit', ended);
    child.once('message', (answer: Answer) => {
      child.off('exit', ended);
      resolve(answer);
    });
    child.send(order);
  });
}

/** The parent's side of one worker: its process, and the calls to it that wait for an answer. */
import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Config } from '../../config/schema.ts';
import type { MetricSnapshot } from '../../telemetry/metrics-registry.ts';
import type { Answers, Call, FromWorker, ToWorker } from './messages.ts';

const PROGRAM = fileURLToPath(new URL('worker.ts', import.meta.url));

export interface WorkerEvents {
  serving(): void;
  /** An operator told it to end. */
  leaving(): void;
  /** @param how its exit code, or the signal that ended it */
  ended(how: number | string): void;
}

/** A worker as the supervisor sees it. */
export interface Worker {
  readonly pid: number;
  /** The newest figures that it gave, or `null`. */
  readonly metrics: MetricSnapshot | null;
  /** @throws when it does not answer in time, or ends before */
  call<C extends Call>(call: C, timeoutMs: number): Promise<Answers[C['what']]>;
  drain(graceMs: number, listenerFirst: boolean): void;
  kill(): void;
}

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

export class WorkerProcess implements Worker {
  metrics: MetricSnapshot | null = null;
  private readonly child: ChildProcess;
  private readonly waiting = new Map<number, Waiting>();
  private readonly events: WorkerEvents;
  private lastId = 0;
  private isOver = false;

  constructor(config: Config, events: WorkerEvents) {
    this.events = events;
    // Not as arguments or environment: those are for everybody on the machine to read, and secrets are among it.
    this.child = fork(PROGRAM, [], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.child.on('message', (message: FromWorker) => this.received(message));
    // 'error' is that it could not be started, or that a message could not be sent: then its end is reported too.
    this.child.on('error', (error) => {
      if (this.child.pid === undefined) this.over(error.message);
    });
    // 'close' and not 'exit': its last message has been read by then.
    this.child.on('close', (code, signal) => this.over(signal ?? code ?? 'unknown'));
    this.send({ kind: 'start', config });
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  call<C extends Call>(call: C, timeoutMs: number): Promise<Answers[C['what']]> {
    this.lastId += 1;
    const id = this.lastId;
    const answered = new Promise<unknown>((resolve, reject) => {
      if (this.isOver) return reject(new Error('the worker has ended'));
      const timer = setTimeout(() => {
        this.waiting.delete(id);
        reject(new Error(`the worker did not answer within ${timeoutMs} ms`));
      }, timeoutMs);
      this.waiting.set(id, { resolve, reject, timer });
      this.send({ kind: 'call', id, call });
    });
    return this.noting(call, answered) as Promise<Answers[C['what']]>;
  }

  drain(graceMs: number, listenerFirst: boolean): void {
    this.send({ kind: 'drain', graceMs, listenerFirst });
  }

  kill(): void {
    this.child.kill('SIGKILL');
  }

  private async noting(call: Call, answered: Promise<unknown>): Promise<unknown> {
    const value = await answered;
    if (call.what === 'metrics') this.metrics = value as MetricSnapshot;
    return value;
  }

  private send(message: ToWorker): void {
    // A channel that broke is the end of the worker, which is reported by itself.
    if (this.child.connected) this.child.send(message, () => {});
  }

  private received(message: FromWorker): void {
    if (message.kind === 'serving') return this.events.serving();
    if (message.kind === 'leaving') return this.events.leaving();
    if (message.kind === 'last') {
      this.metrics = message.metrics;
      return;
    }
    const waiting = this.waiting.get(message.id);
    if (waiting === undefined) return;
    this.waiting.delete(message.id);
    clearTimeout(waiting.timer);
    if (message.kind === 'answer') waiting.resolve(message.value);
    else waiting.reject(new Error(message.problem));
  }

  private over(how: number | string): void {
    if (this.isOver) return;
    this.isOver = true;
    for (const { reject, timer } of this.waiting.values()) {
      clearTimeout(timer);
      reject(new Error('the worker ended before it answered'));
    }
    this.waiting.clear();
    this.events.ended(how);
  }
}

/** A connection for commands: sends what it is given together and in order, and turns errors into values. */
import { Cluster, type Redis } from 'ioredis';
import type { Scheduler } from '../telemetry/clock.ts';
import { connectCommands, type ConnectionOptions } from './connection.ts';
import { failureOf, NOT_CONNECTED, TIMED_OUT } from './failure.ts';
import type { Command, Results, Sendable } from './command.ts';
import { Pipe } from './pipe.ts';
import { flatArguments } from './resp.ts';

export { isFailure } from './failure.ts';

export type { Command, Results, Sendable };

export interface ClientEvents {
  ready(): void;
  lost(): void;
  /** Why the last attempt to connect failed. */
  failed(error: Error): void;
}

export class CommandClient {
  isReady = false;
  private isClosed = false;
  private readonly timeoutMs: number;
  private readonly scheduler: Scheduler;
  private readonly client: Redis | Cluster;
  /** Of a connection for writes to one server; else the library sends. */
  private pipe: Pipe | null = null;

  constructor(options: ConnectionOptions, role: 'read' | 'write', events: ClientEvents, scheduler: Scheduler) {
    const client = connectCommands(options, role);
    this.client = client;
    this.timeoutMs = options.commandTimeoutMs;
    this.scheduler = scheduler;
    this.client.on('ready', () => {
      this.isReady = true;
      if (role === 'write' && !(client instanceof Cluster)) this.pipe = Pipe.on(client.stream, () => this.reconnect());
      events.ready();
    });
    this.client.on('close', () => {
      this.isReady = false;
      this.pipe = null;
      events.lost();
    });
    // The library gives up for good when a Sentinel tells of a failover while it is connecting.
    this.client.on('end', () => {
      if (!this.isClosed) scheduler.after(options.maxRetryMs, () => !this.isClosed && this.connect());
    });
    this.client.on('error', (error: Error) => events.failed(error));
    if (this.client instanceof Cluster) this.client.on('+node', connectNode);
  }

  connect(): void {
    // Failures are events, and what tries again is the library.
    this.client.connect().catch(() => {});
  }

  close(): void {
    this.isClosed = true;
    this.client.disconnect();
  }

  /** In a cluster, resolves when every server that takes writes is connected; else at once. */
  async connectAll(): Promise<void> {
    if (this.client instanceof Cluster) await Promise.all(this.client.nodes('master').map((node) => node.ping()));
  }

  /** Gives up a connection that nothing comes from any more, and makes a new one. */
  reconnect(): void {
    this.client.disconnect(true);
  }

  /** @param answered called once, with one result for each command */
  send(commands: readonly Sendable[], answered: (results: Results) => void): void {
    if (!this.isReady) return answered(commands.map(() => NOT_CONNECTED));
    let isOpen = true;
    const settle = (results: Results): void => {
      if (!isOpen) return;
      isOpen = false;
      timer.cancel();
      answered(results);
    };
    // An answer that comes later is of no use any more.
    const timer = this.scheduler.after(this.timeoutMs, () => settle(commands.map(() => TIMED_OUT)));
    if (this.pipe !== null) return this.pipe.send(commands, settle);
    const sent = this.client instanceof Cluster ? sendEach(this.client, commands) : sendTogether(this.client, commands);
    sent.then(settle, (error: unknown) => settle(commands.map(() => failureOf(error))));
  }

  /** Sends one command to every server that takes writes. */
  async sendToAll(command: Command): Promise<Results> {
    const { pipe } = this;
    if (pipe !== null) return new Promise((resolve) => pipe.send([command], resolve));
    const [name, ...args] = command;
    const nodes = this.client instanceof Cluster ? this.client.nodes('master') : [this.client];
    return Promise.all(nodes.map((node) => node.call(name, ...args).catch(failureOf)));
  }

  /** Sends commands in order, each to every server that takes writes; one list of results for each command. */
  async sendAllToAll(commands: readonly Command[]): Promise<readonly Results[]> {
    return Promise.all(commands.map((command) => this.sendToAll(command)));
  }

  /** In a cluster, the servers as they are now; else nothing. */
  masters(): readonly { readonly host: string; readonly port: number }[] {
    if (!(this.client instanceof Cluster)) return [];
    return this.client
      .nodes('master')
      .map(({ options }) => ({ host: options.host ?? '', port: options.port ?? 6_379 }));
  }

  /** In a cluster, every server that takes writes; else the one. */
  servers(): readonly Redis[] {
    return this.client instanceof Cluster ? this.client.nodes('master') : [this.client];
  }
}

/** At once: while a node connects, the library refuses all commands for it but the first. */
function connectNode(node: Redis): void {
  if (node.status === 'wait') node.connect().catch(() => {});
}

async function sendTogether(redis: Redis, commands: readonly Sendable[]): Promise<Results> {
  const pipeline = redis.pipeline();
  for (const [name, ...args] of commands) pipeline.call(name, ...flatArguments(args));
  const answers = (await pipeline.exec()) ?? [];
  return answers.map(([error, value]) => (error === null || error === undefined ? value : failureOf(error)));
}

function sendEach(cluster: Cluster, commands: readonly Sendable[]): Promise<Results> {
  return Promise.all(
    commands.map(([name, ...args]) =>
      cluster.call(name, ...flatArguments(args)).catch((error: unknown) => {
        const failure = failureOf(error);
        // The slot has moved: nothing was answered, and the next command finds it.
        if (failure.code === 'MOVED' || failure.code === 'ASK') cluster.refreshSlotsCache();
        return failure;
      }),
    ),
  );
}

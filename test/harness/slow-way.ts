/** A way over TCP on which everything takes longer, as long as the test likes; it ends with the test. */
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

export class SlowWay {
  /** Milliseconds that each piece waits on its way there. */
  delayMs = 0;
  port = 0;
  private readonly target: number;
  private readonly sockets = new Set<Socket>();

  constructor(target: number) {
    this.target = target;
  }

  async start(): Promise<this> {
    const server = createServer((socket) => this.accept(socket));
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    this.port = (server.address() as AddressInfo).port;
    onTestFinished(() => {
      for (const socket of this.sockets) socket.destroy();
      server.close();
    });
    return this;
  }

  private accept(client: Socket): void {
    const server = connect(this.target, '127.0.0.1');
    for (const socket of [client, server]) {
      this.sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => {});
      socket.on('close', () => this.sockets.delete(socket));
    }
    client.on('close', () => server.destroy());
    server.on('close', () => client.destroy());
    // No piece overtakes another when the delay becomes less.
    let lastAt = 0;
    client.on('data', (bytes: Buffer) => {
      lastAt = Math.max(lastAt, performance.now() + this.delayMs);
      setTimeout(() => server.write(bytes), Math.ceil(lastAt - performance.now()));
    });
    server.on('data', (bytes: Buffer) => client.write(bytes));
  }
}

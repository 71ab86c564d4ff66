/** A port that leads to another one, which the test can change, cut, and make swallow everything: a network of its own. */
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

export class Doorway {
  /** Where new connections lead to. */
  target: number;
  /** As some proxies do: every connection that asks for another protocol ends. */
  refusesUpgrades = false;
  private isSilent = false;
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();

  private constructor(target: number) {
    this.target = target;
    this.server = createServer((near) => this.pass(near));
  }

  /** Closed with the test. */
  static async open(target: number): Promise<Doorway> {
    const doorway = new Doorway(target);
    await new Promise<void>((resolve) => {
      doorway.server.listen(0, '127.0.0.1', resolve);
    });
    onTestFinished(() => {
      doorway.cut();
      doorway.server.close();
    });
    return doorway;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Ends every connection without a word of the protocol. */
  cut(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  /** Nothing comes through any more and nobody is told, as when a cable is pulled. */
  silence(): void {
    this.isSilent = true;
    for (const socket of this.sockets) socket.pause();
  }

  /** New connections come through; the old ones stay dead. */
  mend(): void {
    this.isSilent = false;
  }

  private pass(near: Socket): void {
    const far = connect(this.target, '127.0.0.1');
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      this.sockets.add(from);
      from.on('error', () => {});
      from.on('close', () => {
        this.sockets.delete(from);
        to.destroy();
      });
      from.on('data', (bytes: Buffer) => {
        if (this.refusesUpgrades && from === near && /^upgrade: websocket/im.test(bytes.toString('latin1')))
          near.destroy();
        else to.write(bytes);
      });
      if (this.isSilent) from.pause();
    }
  }
}

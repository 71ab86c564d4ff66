/** What stands between a client and its server in some networks: it lets pass what a test says. It ends with the test. */
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { onTestFinished } from 'vitest';

export class Gateway {
  port = 0;
  /** Of upgrades: answered with 403, or through. */
  upgrades: 'pass' | 'refuse' = 'pass';
  /** Of streams of events: through, or through byte by byte. */
  streams: 'pass' | 'cut' = 'pass';
  /** Requests that came, by path. */
  readonly seen: string[] = [];
  private readonly upgraded = new Set<Duplex>();
  private readonly open = new Set<Duplex>();
  private readonly target: () => number;

  /** @param target the server's port */
  static async start(target: () => number): Promise<Gateway> {
    const gateway = new Gateway(target);
    const server = createServer((from, to) => gateway.forward(from, to));
    server.on('upgrade', (from, socket: Socket, head: Buffer) => gateway.upgrade(from, socket, head));
    server.on('connection', (socket) => {
      gateway.open.add(socket);
      socket.once('close', () => gateway.open.delete(socket));
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    gateway.port = (server.address() as AddressInfo).port;
    onTestFinished(
      () =>
        new Promise<void>((resolve) => {
          server.close(() => resolve());
          gateway.cut();
          server.closeAllConnections();
        }),
    );
    return gateway;
  }

  constructor(target: () => number) {
    this.target = target;
  }

  /** From now on no WebSocket lives. */
  refuseUpgrades(): void {
    this.upgrades = 'refuse';
    for (const socket of this.upgraded) socket.destroy();
  }

  /** Everything that is open ends. */
  cut(): void {
    for (const socket of this.open) socket.destroy();
  }

  private forward(from: IncomingMessage, to: ServerResponse): void {
    this.seen.push(from.url ?? '');
    const { method, url, headers } = from;
    const asked = request({ host: '127.0.0.1', port: this.target(), method, path: url, headers, agent: false });
    asked.on('response', (answer) => {
      const isStream = String(answer.headers['content-type']).startsWith('text/event-stream');
      to.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.on('data', (bytes: Buffer) => {
        if (!isStream || this.streams === 'pass') to.write(bytes);
        else for (const byte of bytes) to.write(Buffer.of(byte));
      });
      answer.on('end', () => to.end());
      answer.on('error', () => to.destroy());
      answer.on('aborted', () => to.destroy());
    });
    asked.on('error', () => to.destroy());
    to.on('close', () => asked.destroy());
    from.pipe(asked);
  }

  private upgrade(from: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.seen.push(`upgrade ${this.upgrades}`);
    socket.on('error', () => {});
    if (this.upgrades === 'refuse') return void socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n');
    const server = connect(this.target(), '127.0.0.1');
    this.upgraded.add(socket);
    const lines = from.rawHeaders.map((text, at) => (at % 2 === 0 ? `\r\n${text}: ` : text)).join('');
    server.write(`GET ${from.url} HTTP/1.1${lines}\r\n\r\n`);
    server.write(head);
    server.pipe(socket).pipe(server);
    const end = (): void => {
      this.upgraded.delete(socket);
      socket.destroy();
      server.destroy();
    };
    for (const each of [socket, server]) each.on('close', end).on('error', end);
  }
}

/**
 * Upgrades in a later turn than that of their request, which is corked already. In a later one the library prints a warning for
 * each that is not inside res.cork, and inside it, when the socket keeps its address, the end of that cork takes it for an
 * HTTP response still and may shut it down (20.51.4: one handshake in a thousand). A cork inside another socket's is only
 * a call, so it has no such end. The other socket is a request of this process to itself that is never answered: it is made
 * for the first late upgrade, and the door that it comes through is closed behind it.
 */
import { connect, type Socket } from 'node:net';
import type { HttpResponse, TemplatedApp } from 'uWebSockets.js-compat';
import { uws } from './uws.ts';

const LOOPBACK = '127.0.0.1';
const REQUEST = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n';

export class LateUpgrades {
  private outer: HttpResponse | null = null;
  private app: TemplatedApp | null = null;
  private socket: Socket | null = null;
  private waiting: { readonly res: HttpResponse; readonly upgrade: () => void }[] = [];

  /** @param upgrade called now or soon; it looks itself whether the client is still there */
  run(res: HttpResponse, upgrade: () => void): void {
    if (this.outer !== null) return void this.outer.cork(() => void res.cork(upgrade));
    this.waiting.push({ res, upgrade });
    if (this.app === null) this.open();
  }

  end(): void {
    this.socket?.destroy();
    this.app?.close();
  }

  private open(): void {
    this.app = uws.App().any('/*', (res) => {
      res.onAborted(() => this.lost());
      this.outer = res;
      for (const { res: each, upgrade } of this.waiting.splice(0)) each.cork(upgrade);
    });
    this.app.listen(LOOPBACK, 0, (door) => {
      if (door === false) return this.lost();
      const socket = connect(uws.us_socket_local_port(door), LOOPBACK, () => uws.us_listen_socket_close(door));
      this.socket = socket;
      socket.on('error', () => this.lost());
      socket.unref();
      socket.write(REQUEST);
    });
  }

  /** Where there is no way to oneself, a line too many is better than a handshake lost. */
  private lost(): void {
    this.outer = null;
    this.app?.close();
    this.app = null;
    for (const { upgrade } of this.waiting.splice(0)) upgrade();
  }
}

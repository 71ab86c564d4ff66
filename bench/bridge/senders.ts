/**
 * Requests that are ready beforehand, over connections that are kept: an HTTP client of Node takes as much of a processor for
 * each as the server that is measured, and at 1,000 a second it was what was measured.
 */
import { connect, type Socket } from 'node:net';

export interface Answered {
  /** From when it was due until its answer, waiting for a connection included. */
  readonly ms: number;
  /** 0: its connection has ended. */
  readonly status: number;
}

interface Due {
  readonly request: Buffer;
  readonly at: number;
  readonly answered: (answer: Answered) => void;
}

const HEAD = /^HTTP\/1\.1 (\d{3}) [^]*?\r\ncontent-length: (\d+)[^]*?\r\n\r\n/i;

export class Senders {
  private readonly waiting: Due[] = [];
  private readonly idle: Sender[] = [];
  private readonly all: Sender[];

  constructor(port: number, connections: number) {
    this.all = Array.from({ length: connections }, () => new Sender(port, (sender) => this.free(sender)));
  }

  send(request: Buffer): Promise<Answered> {
    return new Promise((answered) => {
      const due = { request, at: performance.now(), answered };
      const sender = this.idle.pop();
      if (sender === undefined) this.waiting.push(due);
      else sender.send(due);
    });
  }

  end(): void {
    for (const sender of this.all) sender.end();
  }

  private free(sender: Sender): void {
    const next = this.waiting.shift();
    if (next === undefined) this.idle.push(sender);
    else sender.send(next);
  }
}

class Sender {
  private socket: Socket;
  private readonly port: number;
  private readonly freed: (sender: Sender) => void;
  private due: Due | null = null;
  private text = '';

  constructor(port: number, freed: (sender: Sender) => void) {
    this.port = port;
    this.freed = freed;
    this.socket = this.open();
    this.socket.once('connect', () => freed(this));
  }

  send(due: Due): void {
    this.due = due;
    // The server ends connections that say nothing for ten seconds.
    if (this.socket.destroyed) this.socket = this.open();
    this.socket.write(due.request);
  }

  end(): void {
    this.socket.destroy();
  }

  private open(): Socket {
    const socket = connect(this.port, '127.0.0.1');
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => this.received(chunk));
    socket.on('error', () => {});
    socket.on('close', () => this.answered(0));
    return socket;
  }

  private received(chunk: string): void {
    this.text += chunk;
    const head = HEAD.exec(this.text);
    if (head === null || this.text.length < head[0].length + Number(head[2])) return;
    this.text = '';
    this.answered(Number(head[1]));
  }

  private answered(status: number): void {
    const { due } = this;
    this.due = null;
    if (due === null) return;
    due.answered({ ms: performance.now() - due.at, status });
    this.freed(this);
  }
}

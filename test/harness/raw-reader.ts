/** A JSON client on a bare TCP socket that can stop reading, as a process does that hangs. */
import { onTestFinished } from 'vitest';
import { LeanSocket } from '../../src/load/lean-socket.ts';
import { eventually } from './deadline.ts';
import type { Frame } from './frames.ts';
import { tokenOf } from './tokens.ts';

export class RawReader {
  readonly frames: Frame[] = [];
  /** 0 while the connection is open. */
  closeCode = 0;
  private socket: LeanSocket | null = null;

  /** @param path with query */
  static async open(port: number, user: string, path = '/ws'): Promise<RawReader> {
    const reader = new RawReader();
    reader.socket = await LeanSocket.open({
      host: '127.0.0.1',
      port,
      path,
      headers: { Authorization: `Bearer ${await tokenOf(user)}` },
      onMessage: (bytes, start, end) => {
        const value = JSON.parse(bytes.toString('utf8', start, end)) as Frame | Frame[];
        reader.frames.push(...(Array.isArray(value) ? value : [value]));
      },
      onClose: (code) => {
        reader.closeCode = code;
      },
    });
    onTestFinished(() => reader.socket?.destroy());
    return reader;
  }

  stopReading(): void {
    this.socket?.pause();
  }

  readOn(): void {
    this.socket?.resume();
  }

  async ask(type: string, data: unknown): Promise<Frame> {
    const id = `r-${this.frames.length}-${type}`;
    this.socket?.send(JSON.stringify({ type, id, data }));
    return this.waitFor((frame) => frame.reply_to === id, `the reply to ${id}`);
  }

  async waitFor(predicate: (frame: Frame) => boolean, what: string): Promise<Frame> {
    await eventually(() => this.frames.some(predicate), what);
    return this.frames.find(predicate) as Frame;
  }
}

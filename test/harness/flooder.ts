/** A thread of its own that sends the same bytes as fast as a socket takes them: the attack must not slow down the witness's own process. */
import { connect } from 'node:net';
import { constants, setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';

export interface Flood {
  readonly port: number;
  /** The handshake, sent first; the flood begins with the answer. */
  readonly head: string;
  /** Sent once, before the flood. */
  readonly first: Uint8Array;
  readonly repeated: Uint8Array;
  readonly reads: boolean;
}

/** What the thread says when the server has ended the connection. */
export interface FloodEnd {
  /** Code of the server's close frame; 1006 when there was none, or nobody read it. */
  readonly code: number;
  readonly sentBytes: number;
}

if (parentPort !== null) {
  const port = parentPort;
  // Attackers are other machines: they do not take processor time from the server and the witness. (Linux: this thread only.)
  setPriority(0, constants.priority.PRIORITY_LOW);
  const { head, first, repeated, reads, ...target } = workerData as Flood;
  const socket = connect({ host: '127.0.0.1', port: target.port });
  let sentBytes = 0;
  let tail: Buffer = Buffer.alloc(0);
  const send = (): void => {
    if (socket.destroyed) return;
    sentBytes += repeated.byteLength;
    if (socket.write(repeated)) setImmediate(send);
    else socket.once('drain', send);
  };
  socket.on('error', () => {});
  socket.on('end', () => socket.destroy());
  socket.on('connect', () => socket.write(head));
  socket.once('data', () => {
    if (!reads) socket.pause();
    socket.write(first);
    send();
  });
  socket.on('data', (chunk) => {
    tail = Buffer.concat([tail, chunk]).subarray(-200);
  });
  socket.on('close', () => {
    const at = tail.findLastIndex((byte, index) => byte === 0x88 && tail[index + 2] === 0x10);
    port.postMessage({ code: at === -1 ? 1_006 : tail.readUInt16BE(at + 2), sentBytes } satisfies FloodEnd);
    port.close();
  });
}

/** A thread of its own that sends prepared bytes over some connections at a pace: a hostile client within its limits. */
import { connect } from 'node:net';
import { constants, setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';

export interface Neighbour {
  readonly port: number;
  /** One per connection, sent first; the rest begins with the answer. */
  readonly heads: readonly string[];
  /** Sent by each connection in turn, one after the other, round and round. */
  readonly messages: readonly Uint8Array[];
  readonly everyMs: number;
}

if (parentPort !== null) {
  const port = parentPort;
  // Attackers are other machines: they do not take processor time from the server and the victim. (Linux: this thread only.)
  setPriority(0, constants.priority.PRIORITY_LOW);
  const { heads, messages, everyMs, ...target } = workerData as Neighbour;
  let waiting = heads.length;
  for (const head of heads) {
    const socket = connect({ host: '127.0.0.1', port: target.port });
    let at = 0;
    const send = (): void => {
      const message = messages[at % messages.length];
      at += 1;
      if (message === undefined || socket.destroyed || socket.writableNeedDrain) return;
      socket.write(message);
    };
    socket.on('error', () => {});
    socket.on('connect', () => socket.write(head));
    socket.once('data', () => {
      waiting -= 1;
      if (waiting === 0) port.postMessage('begun');
      send();
      const timer = setInterval(send, everyMs);
      socket.on('close', () => clearInterval(timer));
    });
    socket.resume();
  }
}

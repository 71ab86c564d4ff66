/** A proxy of the worst kind: it answers in HTTP/1.0, without lengths, and passes bytes on when it likes. */
import { once } from 'node:events';
import { request } from 'node:http';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

export interface Holding {
  /** Bytes that it holds back at the beginning of an answer; what comes after them passes at once. */
  readonly first?: number;
  /** It passes on whole blocks of so many bytes, and what is left when the answer ends. */
  readonly block?: number;
}

const HEAD_END = '\r\n\r\n';

/** @returns the port that it listens on */
export async function startBufferingProxy(target: number, holding: Holding): Promise<number> {
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    let text = '';
    socket.on('error', () => {});
    socket.on('close', () => open.delete(socket));
    socket.setEncoding('latin1').on('data', (bytes: string) => {
      text += bytes;
      const end = text.indexOf(HEAD_END);
      const length = Number(/content-length: (\d+)/i.exec(text.slice(0, end))?.[1] ?? 0);
      if (end === -1 || text.length < end + HEAD_END.length + length) return;
      pass(socket, target, text.slice(0, end), text.slice(end + HEAD_END.length), holding);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    for (const socket of open) socket.destroy();
  });
  return (server.address() as AddressInfo).port;
}

function pass(socket: Socket, target: number, head: string, body: string, { first = 0, block = 1 }: Holding): void {
  const [line = '', ...fields] = head.split('\r\n');
  const [method = '', path = ''] = line.split(' ');
  const headers = Object.fromEntries(
    fields.map((field): [string, string] => {
      const at = field.indexOf(':');
      return [field.slice(0, at).toLowerCase(), field.slice(at + 1).trim()];
    }),
  );
  const asked = request({
    host: '127.0.0.1',
    port: target,
    method,
    path,
    headers: { ...headers, connection: 'close' },
  });
  asked.on('error', () => socket.destroy());
  asked.on('response', (answer) => {
    const type = String(answer.headers['content-type']);
    socket.write(`HTTP/1.0 ${answer.statusCode} Passed on\r\ncontent-type: ${type}\r\n\r\n`);
    let held = Buffer.alloc(0);
    let isPassing = false;
    answer.on('data', (bytes: Buffer) => {
      held = Buffer.concat([held, bytes]);
      isPassing ||= held.length >= first;
      if (!isPassing) return;
      const whole = held.length - (held.length % block);
      socket.write(held.subarray(0, whole));
      held = held.subarray(whole);
    });
    answer.on('end', () => socket.end(held));
    answer.on('error', () => socket.destroy());
  });
  socket.on('close', () => asked.destroy());
  asked.end(Buffer.from(body, 'latin1'));
}

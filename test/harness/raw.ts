/** HTTP and handshakes by hand, for what no library would send. */
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { within } from './deadline.ts';

export interface Answer {
  readonly status: number;
  /** Lower-case name → value. */
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

export interface Refused {
  readonly error: { readonly code: number; readonly reason: string; readonly message: string };
}

/** The headers of a good handshake. */
function handshakeHeaders(): Record<string, string> {
  return {
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': randomBytes(16).toString('base64'),
  };
}

/** Sends the request and reads the answer's head and, when it has a length, its body. Then the socket is dropped. */
export function request(
  port: number,
  line: string,
  headers: Readonly<Record<string, string | undefined>>,
  body = '',
): Promise<Answer> {
  const given = Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${value}`]));
  const text = [`${line} HTTP/1.1`, 'Host: 127.0.0.1', ...given, '', body].join('\r\n');
  return within(exchange(port, text), `the answer to ${line}`);
}

/** A WebSocket handshake; `undefined` leaves a header out. */
export function handshake(
  port: number,
  headers: Readonly<Record<string, string | undefined>> = {},
  path = '/ws',
): Promise<Answer> {
  return request(port, `GET ${path}`, { ...handshakeHeaders(), ...headers });
}

/** The body of a refusal. */
export function refusalIn({ text }: Answer): Refused['error'] {
  return (JSON.parse(text) as Refused).error;
}

/** Writes bytes and stays. Returns how to leave. */
export function write(port: number, text: string): Promise<() => void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.on('error', reject);
    socket.on('connect', () => socket.write(text, () => resolve(() => socket.destroy())));
  });
}

/** Writes bytes and reads one answer. */
function exchange(port: number, text: string | Uint8Array): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port });
    const chunks: Buffer[] = [];
    const done = (isOver: boolean): void => {
      const answer = parse(Buffer.concat(chunks), isOver);
      if (answer === null) return isOver ? reject(new Error('the server closed without an answer')) : undefined;
      resolve(answer);
      socket.destroy();
    };
    socket.on('connect', () => socket.write(text));
    socket.on('data', (chunk) => {
      chunks.push(chunk);
      done(false);
    });
    socket.on('error', reject);
    socket.on('close', () => done(true));
  });
}

function parse(bytes: Buffer, isOver: boolean): Answer | null {
  const end = bytes.indexOf('\r\n\r\n');
  if (end === -1) return null;
  const [line = '', ...rows] = bytes.toString('latin1', 0, end).split('\r\n');
  const headers = Object.fromEntries(
    rows.map((row) => [row.slice(0, row.indexOf(':')).toLowerCase(), row.slice(row.indexOf(':') + 1).trim()]),
  );
  const body = bytes.subarray(end + 4);
  if (!isOver && body.byteLength < Number(headers['content-length'] ?? 0)) return null;
  return { status: Number(line.split(' ')[1]), headers, text: body.toString('utf8') };
}

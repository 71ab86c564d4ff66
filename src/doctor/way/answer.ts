/** The answer to a handshake, whatever answers: read from the bytes, with a bound on everything that the other side decides. */
import { hash, randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';

const MAX_HEAD = 65_536;
const MAX_BODY = 4_096;
/** RFC 6455 section 1.3. */
const ACCEPT = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const HEAD_END = '\r\n\r\n';

export interface Wish {
  readonly token?: string | undefined;
  readonly origin?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  readonly deflate?: boolean;
}

export interface Answer {
  /** 0 when it is no HTTP. */
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  /** The beginning of the body; of what is no HTTP, its first bytes. */
  readonly body: string;
  /** Whether the answer is to our key. */
  readonly isAccepted: boolean;
  /** What came behind the head. */
  readonly rest: Buffer;
}

/** @throws when no answer comes within the time, or the line ends before it */
export function shakeHands(url: URL, line: Socket, wish: Wish, ms: number): Promise<Answer> {
  const key = randomBytes(16).toString('base64');
  const answered = answerOn(line, key, ms);
  line.write(requestOf(url, key, wish));
  return answered;
}

function requestOf(url: URL, key: string, { token, origin, headers = {}, deflate = false }: Wish): string {
  const protocols = ['signalbox.json', ...(token === undefined ? [] : [`access_token.${token}`])].join(', ');
  const all: Readonly<Record<string, string>> = {
    Host: url.host,
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': key,
    'Sec-WebSocket-Protocol': protocols,
    ...(deflate && { 'Sec-WebSocket-Extensions': 'permessage-deflate' }),
    ...(origin !== undefined && { Origin: origin }),
    'User-Agent': 'signalbox-doctor',
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
  return `GET ${url.pathname}${url.search} HTTP/1.1\r\n${lines.join('\r\n')}${HEAD_END}`;
}

function answerOn(line: Socket, key: string, ms: number): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let bytes: Buffer = Buffer.alloc(0);
    const end = (work: () => void): void => {
      clearTimeout(timer);
      line.off('data', took);
      // Nothing may get lost before the next one listens.
      line.pause();
      line.off('close', closed);
      work();
    };
    const closed = (): void => {
      const read = answerIn(bytes, key, true);
      end(() => (read === null ? reject(new Error('it was closed without an answer')) : resolve(read)));
    };
    const took = (chunk: Buffer): void => {
      bytes = Buffer.concat([bytes, chunk]);
      const read = answerIn(bytes, key, bytes.byteLength > MAX_HEAD);
      if (read !== null) end(() => resolve(read));
    };
    const timer = setTimeout(() => {
      const read = answerIn(bytes, key, true);
      end(() => (read === null ? reject(new Error(`no answer within ${ms / 1_000} s`)) : resolve(read)));
    }, ms);
    line.on('data', took);
    line.once('close', closed);
  });
}

/** @param isAll whether no more comes @returns `null` when it cannot be said yet */
function answerIn(bytes: Buffer, key: string, isAll: boolean): Answer | null {
  const text = bytes.toString('latin1', 0, MAX_HEAD);
  const headEnd = text.indexOf(HEAD_END);
  const [, status] = /^HTTP\/1\.[01] (\d{3})/.exec(text) ?? [];
  const isOther = text.length >= 5 && !text.startsWith('HTTP/');
  if (isOther) return { status: 0, headers: new Map(), body: text.slice(0, 80), isAccepted: false, rest: bytes };
  if (headEnd === -1 || status === undefined) return null;
  const headers = headersIn(text.slice(0, headEnd));
  const rest = bytes.subarray(headEnd + HEAD_END.length);
  // The length of the first chunk stands in front of what it holds.
  const body = rest
    .toString('utf8', 0, MAX_BODY)
    .replace(headers.has('transfer-encoding') ? /^[0-9a-f]+\r\n/i : '', '');
  const isUpgrade = status === '101';
  const length = Number(headers.get('content-length') ?? NaN);
  const isWhole = rest.byteLength >= Math.min(length, MAX_BODY) || rest.toString('latin1').endsWith('0\r\n\r\n');
  if (!isUpgrade && !isAll && !isWhole) return null;
  const accepted = hash('sha1', key + ACCEPT, 'base64');
  const isAccepted = isUpgrade && headers.get('sec-websocket-accept') === accepted;
  return { status: Number(status), headers, body: isUpgrade ? '' : body, isAccepted, rest };
}

function headersIn(head: string): ReadonlyMap<string, string> {
  const headers = new Map<string, string>();
  for (const line of head.split('\r\n').slice(1)) {
    const colon = line.indexOf(':');
    if (colon > 0) headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
  }
  return headers;
}

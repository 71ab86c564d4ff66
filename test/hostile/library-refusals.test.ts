/** What the socket library makes of requests that no client should send, as docs/http.md has it: each row is tried. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { eventually } from '../harness/deadline.ts';
import { RawSocket } from '../harness/raw-socket.ts';
import { startServer } from '../harness/server.ts';
import { tokenOf } from '../harness/tokens.ts';

const PAGE = readFileSync(new URL('../../docs/http.md', import.meta.url), 'utf8');
const SECTION = PAGE.split('### What the socket library decides')[1]?.split('\n## ')[0] ?? '';
const ROWS = [...SECTION.matchAll(/^\| (?!request \||---)(.*) \| (.*) \|$/gm)].map(
  ([, request = '', outcome = '']) => ({
    request,
    outcome,
  }),
);

const BODY = '{"topic":"news","payload":1}';
const SIZE = BODY.length.toString(16);
/** For whatever the library may still say behind an answer. */
const SILENCE_MS = 100;

const get = (more = '', host = 'Host: x\r\n', line = 'GET /health HTTP/1.1'): string => `${line}\r\n${host}${more}\r\n`;
const withLine = (line: string): string => get('', 'Host: x\r\n', line);
const post = (more: string, body: string): string =>
  `POST /api/publish HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer TOKEN\r\n${more}\r\n${body}`;
const chunked = (body: string, more = ''): string => post(`Transfer-Encoding: chunked\r\n${more}`, body);
const CHUNK = `${SIZE}\r\n${BODY}\r\n`;
const LENGTH = `Content-Length: ${BODY.length}\r\n`;

/** By the words of the page. */
const REQUESTS: Readonly<Record<string, readonly string[]>> = {
  'a second `Host`, `Authorization` or `Origin`': [
    get('Host: y\r\n'),
    post(`Authorization: Bearer x\r\n${LENGTH}`, BODY),
    get('Origin: https://a.example\r\nOrigin: https://b.example\r\n'),
  ],
  'a second `Content-Length`, or a second `Transfer-Encoding`': [
    post(LENGTH + LENGTH, BODY),
    chunked(`${CHUNK}0\r\n\r\n`, 'Transfer-Encoding: chunked\r\n'),
  ],
  'a list in `Content-Length`, or one that is no number': [
    post(`Content-Length: ${BODY.length}, ${BODY.length}\r\n`, BODY),
    post(`Content-Length: ${BODY.length}x\r\n`, BODY),
    post(`Content-Length: +${BODY.length}\r\n`, BODY),
    post('Content-Length: -1\r\n', BODY),
  ],
  '`Content-Length` and `Transfer-Encoding` together, in any order': [
    post(`${LENGTH}Transfer-Encoding: chunked\r\n`, `${CHUNK}0\r\n\r\n`),
    chunked(`${CHUNK}0\r\n\r\n`, LENGTH),
  ],
  'a `Transfer-Encoding` other than `chunked`, also `gzip, chunked`': [
    post('Transfer-Encoding: gzip, chunked\r\n', `${CHUNK}0\r\n\r\n`),
    post('Transfer-Encoding: identity\r\n', BODY),
    get('Transfer-Encoding: xchunked\r\n', 'Host: x\r\n', 'GET /nowhere HTTP/1.1'),
  ],
  'chunks with extensions (`5;name=value`)': [chunked(`${SIZE};name=value\r\n${BODY}\r\n0\r\n\r\n`)],
  'a chunk whose size is no hexadecimal number, or has more than 64 bits': [
    chunked('zz\r\n'),
    chunked(`0x${CHUNK}0\r\n\r\n`),
    chunked('fffffffffffffffff\r\n'),
  ],
  'a chunk that no CRLF follows': [chunked(`${SIZE}\r\n${BODY}0\r\n\r\n`)],
  'a `Trailer` header': [chunked(`${CHUNK}0\r\nx-a: 1\r\n\r\n`, 'Trailer: x-a\r\n')],
  'a trailer that no header announced': [chunked(`${CHUNK}0\r\nx-a: 1\r\n\r\n`)],
  'an absolute target (`GET http://host/health`), `CONNECT host:80`, `OPTIONS *`': [
    withLine('GET http://x/health HTTP/1.1'),
    withLine('CONNECT x:80 HTTP/1.1'),
    withLine('OPTIONS * HTTP/1.1'),
  ],
  'HTTP/1.0, HTTP/1.2, HTTP/2 without TLS': [
    withLine('GET /health HTTP/1.0'),
    withLine('GET /health HTTP/1.2'),
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  ],
  'a header folded over two lines (obs-fold), or a space before its colon': [
    get('X-A: 1\r\n 2\r\n'),
    get('X-A : 1\r\n'),
  ],
  'no `Host`': [get('', '')],
  'a NUL in a header, or a line without a colon': [get('X-A: a\0b\r\n'), get('nonsense\r\n')],
  'lines that end with LF alone': ['GET /health HTTP/1.1\nHost: x\n\n'],
  'a CR alone in a header, an empty line before the request, a request line without a version': [
    get('X-A: a\rb\r\n'),
    `\r\n${get()}`,
    withLine('GET /health'),
  ],
  'a head of more than 16 KiB, or more than 99 headers': [
    get(`X-A: ${'a'.repeat(17_000)}\r\n`),
    get(Array.from({ length: 100 }, (_, at) => `X-${at}: 1\r\n`).join('')),
  ],
  '`Expect: 100-continue`': [post(`Expect: 100-continue\r\n${LENGTH}`, '')],
  'another `Expect`': [post(`Expect: nonsense\r\n${LENGTH}`, BODY)],
  '`Connection: close`': [get('Connection: close\r\n')],
  '`Upgrade: h2c`': [get('Connection: Upgrade\r\nUpgrade: h2c\r\n')],
  'a method that there is not, or in lower case': [
    withLine('BREW /health HTTP/1.1'),
    withLine('get /health HTTP/1.1'),
    withLine('TRACE /health HTTP/1.1'),
  ],
};

const CARRIED_OUT: ReadonlySet<string> = new Set([
  'a chunk that no CRLF follows',
  'a trailer that no header announced',
  'another `Expect`',
]);

/** Statuses in their order, and whether the server closed: when it is as said, and nothing came behind that. */
async function outcomeOf(request: string, port: number, token: string, said: string): Promise<string> {
  const socket = await RawSocket.open(port);
  socket.write(Buffer.from(request.replace('TOKEN', token), 'latin1'));
  const soFar = (): string => {
    const statuses = [...socket.text.matchAll(/^HTTP\/1\.1 (\d{3})/gm)].map(([, status]) => status);
    return [...statuses, ...(socket.isClosed ? ['closed'] : [])].join(' ');
  };
  // Another outcome is told by the comparison.
  await eventually(() => soFar() === said || socket.isClosed, 'the outcome').catch(() => {});
  await Promise.race([socket.closed, new Promise((resolve) => setTimeout(resolve, SILENCE_MS))]);
  return soFar();
}

test('the page has a row for each that is tried', () => {
  expect(ROWS.map(({ request }) => request)).toEqual(Object.keys(REQUESTS));
});

test.each(ROWS)('$request: $outcome', async ({ request, outcome }) => {
  const said = [...outcome.matchAll(/\b(\d{3}|closed)\b/g)].map(([word]) => word).join(' ');
  const server = await startServer();
  const token = await tokenOf('backend', { claims: { roles: ['service'] } });
  const outcomes = await Promise.all(
    (REQUESTS[request] ?? []).map((each) => outcomeOf(each, server.port, token, said)),
  );
  expect(outcomes).toEqual(outcomes.map(() => said));
  expect(await server.metric('signalbox_published_total')).toBe(CARRIED_OUT.has(request) ? 1 : 0);
  expect((await server.get('/health')).status).toBe(200);
});

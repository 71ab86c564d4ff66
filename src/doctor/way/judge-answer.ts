/** The cause that an answer to a handshake tells of, with its cure. */
import { quote } from '../../protocol/errors.ts';
import { fail, ok, warn, type Observation } from '../finding.ts';
import type { Answer } from './answer.ts';
import { isSecure } from './lines.ts';

const PASS_ON =
  'nginx: proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade; (deploy/nginx, deploy/haproxy)';
const TLS_RECORDS = ['\u0015\u0003', '\u0016\u0003'];

export function judgeAnswer(url: URL, answer: Answer, hasToken: boolean): Observation {
  const { status, isAccepted } = answer;
  if (isAccepted) return ok(`${url.host} upgrades to a WebSocket at ${url.pathname}`);
  if (status === 101)
    return fail(
      'the answer is 101, and not to the key that was sent: something in between answers for others',
      'take caches out of the way of /ws',
    );
  if (status === 0) return noHttp(url, answer);
  const own = isOfProxy(answer) ? null : ownRefusal(answer.body);
  return own === null ? foreign(url, answer) : refused(url, own, hasToken);
}

/** A proxy that answers in our words, so that clients come back in time (deploy/haproxy), says so: RFC 9209, section 2.1.1. */
const isOfProxy = ({ headers }: Answer): boolean => /;\s*error=/.test(headers.get('proxy-status') ?? '');

function noHttp(url: URL, { body }: Answer): Observation {
  if (TLS_RECORDS.some((record) => body.startsWith(record)))
    return fail(`${url.host} speaks TLS, and the address says ws://`, `wss://${url.host}${url.pathname}`);
  return fail(`${url.host} speaks no HTTP: its answer begins with ${quote(body)}`, 'name the port that clients use');
}

interface Own {
  readonly reason: string;
  readonly message: string;
}

/** Of a Signalbox, behind whatever stands before it. */
export function ownRefusal(body: string): Own | null {
  try {
    const { error } = JSON.parse(body) as { error?: { reason?: unknown; message?: unknown } };
    return typeof error?.reason === 'string' ? { reason: error.reason, message: String(error.message) } : null;
  } catch {
    return null;
  }
}

function refused(url: URL, { reason, message }: Own, hasToken: boolean): Observation {
  const told = `a Signalbox answers, and refuses the handshake: ${reason}: ${message}`;
  if (reason === 'token_missing')
    return hasToken
      ? fail(
          'the token is lost on the way: a proxy drops Sec-WebSocket-Protocol, in which browsers send it',
          'let the proxy pass Sec-WebSocket-Protocol on, in both directions',
        )
      : ok('the handshake reaches a Signalbox, with its headers: it asks for a token (--token goes on from here)');
  if (reason === 'upgrade_required' || (reason === 'bad_handshake' && message.includes('Connection')))
    return fail(
      `a proxy drops the headers Upgrade and Connection: the node got ${message.split('got ')[1] ?? 'something else'}`,
      PASS_ON,
    );
  if (reason === 'not_found')
    return fail(
      `a Signalbox answers 404 at ${url.pathname}: its WebSocket is at /ws, or a proxy changes the path`,
      `${url.protocol}//${url.host}/ws; nginx: location /ws { proxy_pass http://nodes; } without a path behind the name`,
    );
  if (reason.startsWith('token_')) return fail(told, 'see tokens.accepted: ./signalbox token --check');
  if (reason === 'rate_limited') return warn(told, 'wait, and ask again');
  return fail(told, 'docs/errors.md has the reason; ./signalbox nodes, ./signalbox emergency status');
}

function foreign(url: URL, answer: Answer): Observation {
  const { status, headers, body } = answer;
  const who =
    headers.get('server') ??
    headers.get('via') ??
    headers.get('proxy-status')?.split(';')[0] ??
    'something that does not say what it is';
  const told = `${quote(who)} answers ${status}`;
  const location = headers.get('location');
  if (status >= 300 && status < 400 && location !== undefined) return redirect(url, told, location);
  if (status === 400 && /https? port|plain http/i.test(body))
    return fail(`${told}: its port is one of HTTPS, and the address says ws://`, `wss://${url.host}${url.pathname}`);
  if (status === 505) return fail(`a proxy speaks HTTP/1.0 to the node, which has no upgrades (505)`, PASS_ON);
  if (status === 404)
    return fail(
      `${told}: the path ${url.pathname} leads to no node`,
      `let ${who} pass ${url.pathname} on (deploy/nginx: location /; HAProxy: default_backend)`,
    );
  if (status === 401 || status === 403)
    return fail(
      `${told} before the handshake reaches a node: it asks for a login of its own`,
      `let ${who} pass /ws on without it: the token of the client is what the node asks for`,
    );
  if (status === 502 || status === 503 || status === 504)
    return fail(
      `${told}: it reaches no node that serves`,
      `look whether the nodes run and take connections (./signalbox nodes), and which address ${who} has of them`,
    );
  if (status === 431 || status === 414)
    return fail(
      `${told}: the head of the request is too long for it`,
      'large_client_header_buffers 4 16k (nginx), tune.bufsize (HAProxy); a shorter token',
    );
  if (/^\s*</.test(body)) return page(url, told, body);
  return fail(`${told} to a handshake, and not 101: ${quote(body)}`, PASS_ON);
}

function redirect(url: URL, told: string, location: string): Observation {
  const target = URL.canParse(location, `http://${url.host}`) ? new URL(location, `http://${url.host}`) : null;
  if (/log-?in|sign-?in|auth|sso/i.test(location))
    return fail(
      `${told} and sends to a login (${quote(location)}): WebSockets follow no redirect`,
      'let the proxy pass /ws on without its own login',
    );
  if (target?.protocol === 'https:' && !isSecure(url))
    return fail(
      `${told} and sends to ${quote(location)}: WebSockets follow no redirect`,
      `wss://${target.host}${target.pathname}`,
    );
  const scheme = isSecure(url) ? 'wss' : 'ws';
  return fail(
    `${told} and sends to ${quote(location)}: WebSockets follow no redirect`,
    target === null ? 'name the address behind it' : `${scheme}://${target.host}${target.pathname}`,
  );
}

function page(url: URL, told: string, body: string): Observation {
  const [, title] = /<title>([^<]{1,80})/i.exec(body) ?? [];
  const what = /type=["']?password/i.test(body) ? 'a login page' : 'a web page';
  return fail(
    `${told} with ${what}${title === undefined ? '' : `, ${quote(title.trim())}`}: ${url.pathname} leads to another server than the nodes`,
    `let the proxy pass ${url.pathname} on to the nodes before it serves pages`,
  );
}

/**
 * The pages of a development server, each in one HTML file, and the client library that they load: `/` is a chat over a topic,
 * `/conversations.html` and `/assistant.html` are over the applications of these names. The pages hold tokens, so these are given to browsers of
 * this machine alone, and only under a name of this machine: else a foreign site could read them by a name of its own that it lets
 * resolve to 127.0.0.1 (DNS rebinding).
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { refusalResponse } from '../../node/refusal-response.ts';
import type { HttpRequest, HttpResponse, Route } from '../../node/route.ts';
import { refusal } from '../../protocol/errors.ts';
import { clientModules, type ClientModules } from './client-modules.ts';

const FILE = new URL('page.html', import.meta.url);
/** Beside the sources and beside the built files; an image may leave them out. */
const EXAMPLES = new URL('../../../examples/', import.meta.url);
/** Applications that have a page and a part of the library. */
const APPLICATIONS = ['conversations', 'assistant'] as const;
/** The folder of all rooms, in a checkout and in a package. */
const ROOMS = new URL('../../', import.meta.url);
/** Data, which no policy keeps from being read; without tokens it is an empty object. */
const TOKENS = /(<script type="application\/json" id="tokens">)[^<]*(<\/script>)/;
/** Of a page that shows images; it names one for its tab, so that browsers ask for none. */
const IMAGES = /<link rel="icon" href="data:/;
const USERS = ['alice', 'bob'];

const LOCAL_HOST = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?$/i;
/** As the socket library writes addresses: whole, and IPv4 within IPv6 where a socket takes both. */
const LOCAL_ADDRESS = /^(?:127\.\d+\.\d+\.\d+|::1|(?:0000:){7}0001|(?:0000:){5}ffff:7f[0-9a-f]{2}:[0-9a-f]{4})$/;
/** What proxies add: then the peer is the proxy and not the browser. */
const FORWARDED = ['x-forwarded-for', 'forwarded', 'via', 'x-real-ip'];

const HEADERS = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'cross-origin-resource-policy': 'same-origin',
};

/** @param sign makes a token of the role user */
export function developmentPageRoutes(sign: (user: string) => Promise<string>): Route[] {
  const html = readFileSync(FILE, 'utf8');
  return [
    { method: 'GET', path: '/', handle: (request) => page(html, request, sign) },
    ...APPLICATIONS.map((name): Route => {
      const file = new URL(`${name}.html`, EXAMPLES);
      return {
        method: 'GET',
        path: `/${name}.html`,
        handle: (request) =>
          existsSync(file)
            ? page(readFileSync(file, 'utf8'), request, sign)
            : refusalResponse(refusal('not_found', `expected examples/${name}.html beside the server`)),
      };
    }),
    ...clientRoutes(),
  ];
}

async function page(
  html: string,
  request: HttpRequest,
  sign: (user: string) => Promise<string>,
): Promise<HttpResponse> {
  return {
    status: 200,
    headers: {
      ...HEADERS,
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': `${policyOf(html)}${IMAGES.test(html) ? "; img-src 'self' data:" : ''}; connect-src 'self'${socketsOf(request)}`,
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
    },
    body: isLocal(request) ? withTokens(html, await tokensOf(sign)) : html,
  };
}

/** Read when the first browser asks for it. */
function clientRoutes(): Route[] {
  let modules: ClientModules | null = null;
  const known = (): ClientModules => (modules ??= clientModules(ROOMS));
  return [
    {
      method: 'GET',
      path: '/signalbox.js',
      handle: () => script(`export * from './signalbox/${known().entry}';\n`),
    },
    ...APPLICATIONS.map((name): Route => ({
      method: 'GET',
      path: `/signalbox-${name}.js`,
      handle: () => {
        const { entry, [name]: part } = known();
        return script(`export * from './signalbox/${entry}';\nexport * from './signalbox/${part}';\n`);
      },
    })),
    {
      method: 'GET',
      path: '/signalbox/:room/:file',
      handle: ({ parameters: { room = '', file = '' } }) => script(known().texts.get(`${room}/${file}`)),
    },
    {
      method: 'GET',
      path: '/signalbox/:room/:part/:file',
      handle: ({ parameters: { room = '', part = '', file = '' } }) =>
        script(known().texts.get(`${room}/${part}/${file}`)),
    },
  ];
}

function script(text: string | undefined): HttpResponse {
  if (text === undefined) return refusalResponse(refusal('not_found', 'expected a file of the client library'));
  return { status: 200, headers: { ...HEADERS, 'content-type': 'text/javascript; charset=utf-8' }, body: text };
}

async function tokensOf(sign: (user: string) => Promise<string>): Promise<Readonly<Record<string, string>>> {
  const pairs = await Promise.all(USERS.map(async (user) => [user, await sign(user)] as const));
  return Object.fromEntries(pairs);
}

function withTokens(html: string, tokens: Readonly<Record<string, string>>): string {
  return html.replace(TOKENS, (_all, start: string, end: string) => `${start}${JSON.stringify(tokens)}${end}`);
}

function isLocal(request: Pick<HttpRequest, 'header' | 'address'>): boolean {
  return (
    LOCAL_ADDRESS.test(request.address) &&
    LOCAL_HOST.test(request.header('host') ?? '') &&
    FORWARDED.every((name) => request.header(name) === undefined)
  );
}

/** Older browsers do not take 'self' for WebSockets. */
function socketsOf(request: Pick<HttpRequest, 'header'>): string {
  const host = request.header('host') ?? '';
  return /^[A-Za-z0-9.[\]:-]+$/.test(host) ? ` ws://${host} wss://${host}` : '';
}

/** Its own script and style, which are named by their digests, and modules of this server. Nothing else. */
function policyOf(html: string): string {
  const digest = (pattern: RegExp): string =>
    `'sha256-${createHash('sha256')
      .update(pattern.exec(html)?.[1] ?? '')
      .digest('base64')}'`;
  return [
    "default-src 'none'",
    `script-src 'self' ${digest(/<script type="module">([\s\S]*?)<\/script>/)}`,
    `style-src ${digest(/<style>([\s\S]*?)<\/style>/)}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}

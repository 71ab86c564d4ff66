/**
 * `/admin/console`: a page for operators over the admin API. The page and its files hold nothing secret and are given to
 * everybody who reaches the port; what the page shows it asks for with the token that the operator gives to it.
 */
import { gzipSync } from 'node:zlib';
import { refusalResponse } from '../../node/refusal-response.ts';
import type { HttpRequest, HttpResponse, Route } from '../../node/route.ts';
import { refusal } from '../../protocol/errors.ts';
import { consoleAssets, consolePage, type Asset } from './assets.ts';

/** The folder of all rooms, in a checkout and in a package. */
const ROOMS = new URL('../../', import.meta.url);
const PLACE = '<meta name="socket" content="" />';
/** A host as it may stand in a policy. */
const HOST = /^(\[[0-9a-f:]+\]|[A-Za-z0-9.-]+)(?::\d{1,5})?$/i;

export interface ConsoleOptions {
  /** The port of clients where it is another than that of the page; `null` where it is the same. */
  readonly clientPort: () => number | null;
  /** `admin.console_socket_url`. */
  readonly socketUrl: string | undefined;
  /** For tests: another folder of rooms. */
  readonly rooms?: URL;
}

const HEADERS = {
  'cache-control': 'no-cache',
  'x-content-type-options': 'nosniff',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
};

export function consoleRoutes(options: ConsoleOptions): Route[] {
  const { rooms = ROOMS } = options;
  // Read when the first browser asks for them.
  let page: string | null = null;
  let assets: ReadonlyMap<string, Asset> | null = null;
  return [
    {
      method: 'GET',
      path: '/admin/console',
      handle: (request) => servePage((page ??= consolePage(rooms)), request, options),
    },
    {
      method: 'GET',
      path: '/admin/console/:file',
      handle: (request) => serveAsset((assets ??= consoleAssets(rooms)), request),
    },
  ];
}

function servePage(html: string, request: HttpRequest, options: ConsoleOptions): HttpResponse {
  const { hosts, url } = socketOf(request, options);
  return compressed(request, 'text/html; charset=utf-8', html.replace(PLACE, PLACE.replace('""', `"${url}"`)), {
    'content-security-policy': [
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      "img-src 'self'",
      `connect-src 'self'${hosts.map((host) => ` ws://${host} wss://${host}`).join('')}`,
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
      "require-trusted-types-for 'script'",
      "trusted-types 'none'",
    ].join('; '),
    'x-frame-options': 'DENY',
    'cross-origin-opener-policy': 'same-origin',
  });
}

/** Where the page may open a WebSocket. Older browsers do not take 'self' for those. */
function socketOf(
  request: HttpRequest,
  { clientPort, socketUrl }: ConsoleOptions,
): { readonly hosts: readonly string[]; readonly url: string } {
  if (socketUrl !== undefined) {
    const { host, href } = new URL(socketUrl);
    return { hosts: [host], url: href.replace(/^http/, 'ws') };
  }
  const [own, name] = HOST.exec(request.header('host') ?? '') ?? [];
  if (own === undefined || name === undefined) return { hosts: [], url: '' };
  const port = clientPort();
  const host = port === null ? own : `${name}:${port}`;
  // A page that came by TLS makes `wss:` of it.
  return { hosts: [host], url: `ws://${host}/ws` };
}

function serveAsset(assets: ReadonlyMap<string, Asset>, request: HttpRequest): HttpResponse {
  const asset = assets.get(request.parameters['file'] ?? '');
  if (asset === undefined) return refusalResponse(refusal('not_found', 'expected a file of the console'));
  return compressed(request, asset.type, asset.text, {});
}

/** Half a megabyte of sources is a tenth of that on its way. */
function compressed(
  request: HttpRequest,
  type: string,
  text: string,
  more: Readonly<Record<string, string>>,
): HttpResponse {
  const headers = { ...HEADERS, ...more, 'content-type': type, vary: 'Accept-Encoding' };
  if (!/\bgzip\b/.test(request.header('accept-encoding') ?? '')) return { status: 200, headers, body: text };
  return { status: 200, headers: { ...headers, 'content-encoding': 'gzip' }, body: gzipSync(text, { level: 9 }) };
}

/** The web server of the test's pages: with a strict policy, and the client library as it is built for the package. */
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { builtFiles } from '../harness/built-server.ts';
import { tokenOf } from '../harness/tokens.ts';
import { PAGES, scriptAt } from './bundle.ts';

/** For pages without modules. */
const CLASSIC = '/signalbox.js';
const TYPES: Readonly<Record<string, string>> = { '.html': 'text/html', '.js': 'text/javascript' };
/** No eval, nothing inline, no other host. */
const POLICY =
  "default-src 'none'; script-src 'self'; worker-src 'self'; connect-src 'self' ws://127.0.0.1:* http://127.0.0.1:*";

export interface SiteOptions {
  /** Seconds that a token lives, by the reason for which it is asked. */
  readonly tokenSecs?: (reason: string) => number;
}

export class Site {
  readonly port: number;

  private constructor(port: number) {
    this.port = port;
  }

  /** Closed with the test. */
  static async open(options: SiteOptions = {}): Promise<Site> {
    const server = createServer((request, response) => void answer(request, response, options));
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    onTestFinished(() => {
      server.close();
      server.closeAllConnections();
    });
    return new Site((server.address() as AddressInfo).port);
  }

  page(name: string, query: Readonly<Record<string, string | number>> = {}): string {
    const search = new URLSearchParams();
    for (const [key, value] of Object.entries(query)) search.set(key, String(value));
    return `http://127.0.0.1:${this.port}/${name}?${search.toString()}`;
  }
}

async function answer(request: IncomingMessage, response: ServerResponse, options: SiteOptions): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://site');
  response.setHeader('content-security-policy', POLICY);
  if (pathname === '/token') {
    const reason = searchParams.get('reason') ?? '';
    const token = await tokenOf(searchParams.get('user') ?? 'alice', {
      expiresIn: options.tokenSecs?.(reason) ?? 3_600,
    });
    response.end(token);
    return;
  }
  const text = await fileText(pathname);
  response.statusCode = text === null ? 404 : 200;
  response.setHeader('content-type', TYPES[extname(pathname)] ?? 'text/plain');
  response.end(text ?? '');
}

async function fileText(pathname: string): Promise<string | null> {
  if (pathname === CLASSIC) return readFileSync(join(builtFiles(), 'client/signalbox.js'), 'utf8');
  const file = join(PAGES, pathname);
  if (extname(pathname) === '.js' && pathname !== '/classic.js') return scriptAt(pathname);
  return existsSync(file) ? readFileSync(file, 'utf8') : null;
}

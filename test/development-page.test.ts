/** `/` of a development server: the page, its tokens, and who gets them. */
import { createHash } from 'node:crypto';
import { runInNewContext } from 'node:vm';
import { decodeJwt } from 'jose';
import { describe, expect, test } from 'vitest';
import { connect } from './harness/client.ts';
import { eventually } from './harness/deadline.ts';
import { request, type Answer } from './harness/raw.ts';
import { RawSocket } from './harness/raw-socket.ts';
import { startServer, type TestServer } from './harness/server.ts';

const DEVELOPMENT = { profile: 'development', 'security.allowed_origins': 'loopback' };

function tokensIn(text: string): Readonly<Record<string, string>> {
  const [, json = ''] = /<script type="application\/json" id="tokens">([^<]*)<\/script>/.exec(text) ?? [];
  return JSON.parse(json) as Record<string, string>;
}

/** With a `Host` of the caller's choice. */
async function pageFor(server: TestServer, host: string, more = ''): Promise<string> {
  const socket = await RawSocket.open(server.port);
  socket.write(`GET / HTTP/1.1\r\nHost: ${host}\r\n${more}\r\n`);
  await socket.until(() => socket.text.includes('</html>'), 'the page');
  return socket.text;
}

interface Element {
  textContent: string;
  value: string;
  className: string;
  readonly listeners: Map<string, (event: { preventDefault(): void }) => void>;
}

/** As much of a browser as the page's script needs; its WebSocket is the platform's own. */
class Browser {
  readonly lines: string[] = [];
  private readonly elements = new Map<string, Element>();
  private readonly sockets: WebSocket[] = [];
  private hasLeft = false;

  constructor(html: string, port: number) {
    const script = /<script>([\s\S]*?)<\/script>/.exec(html)?.[1] ?? '';
    this.at('tokens').textContent = JSON.stringify(tokensIn(html));
    const { sockets } = this;
    class Recorded extends WebSocket {
      constructor(url: string, protocols: string[]) {
        super(url, protocols);
        sockets.push(this);
      }
    }
    const later = (work: () => void, ms: number): unknown => setTimeout(() => this.hasLeft || work(), ms);
    const document = { getElementById: (id: string) => this.at(id), createElement: () => this.element() };
    const location = { protocol: 'http:', host: `127.0.0.1:${port}`, search: '' };
    runInNewContext(script, { document, location, URLSearchParams, WebSocket: Recorded, setTimeout: later });
  }

  shows(condition: (seen: { state: string; lines: readonly string[] }) => boolean, what: string): Promise<void> {
    return eventually(() => condition({ state: this.at('state').textContent, lines: this.lines }), what);
  }

  type(id: string, text: string): void {
    this.at(id).value = text;
  }

  press(id: string): void {
    this.at(id).listeners.get('click')?.({ preventDefault: () => {} });
  }

  submit(id: string): void {
    this.at(id).listeners.get('submit')?.({ preventDefault: () => {} });
  }

  leave(): void {
    this.hasLeft = true;
    for (const socket of this.sockets) socket.close();
  }

  private at(id: string): Element {
    const known = this.elements.get(id) ?? this.element();
    this.elements.set(id, known);
    return known;
  }

  private element(): Element {
    const listeners: Element['listeners'] = new Map();
    const element = { textContent: '', value: '', className: '', listeners };
    return Object.assign(element, {
      append: (line: Element) => void this.lines.push(line.textContent),
      scrollIntoView: () => {},
      addEventListener: (name: string, work: (event: { preventDefault(): void }) => void) => listeners.set(name, work),
      classList: { remove: () => {} },
    });
  }
}

const page = (server: TestServer): Promise<Answer> => request(server.port, 'GET /', {});

describe('the page of a development server', () => {
  test('is one file with what it needs, and nothing else may run in it', async () => {
    const { status, headers, text } = await page(await startServer(DEVELOPMENT));
    expect([status, headers['content-type']]).toEqual([200, 'text/html; charset=utf-8']);
    for (const path of ['/health', '/metrics', '/openapi.json']) expect(text).toContain(`href="${path}"`);
    expect(text).not.toMatch(/(?:src|href)="(?:https?:)?\/\//);
    const policy = headers['content-security-policy'] ?? '';
    for (const [, name, body = ''] of text.matchAll(/<(script|style)>([\s\S]*?)<\/\1>/g)) {
      const digest = createHash('sha256').update(body).digest('base64');
      expect(policy).toContain(`${name}-src 'sha256-${digest}'`);
    }
    expect(policy).toMatch(/^default-src 'none';.*frame-ancestors 'none'; connect-src 'self' ws:\/\/127\.0\.0\.1 /);
    expect(headers).toMatchObject({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
    expect(Object.keys(headers)).not.toContain('access-control-allow-origin');
  });

  test('gives two users a token each, with which pages of any port of this machine connect', async () => {
    const server = await startServer(DEVELOPMENT);
    const tokens = tokensIn((await page(server)).text);
    expect(Object.keys(tokens)).toEqual(['alice', 'bob']);
    const clients = await Promise.all(
      Object.values(tokens).map((token) =>
        connect(server.port, {
          token: null,
          protocols: ['signalbox.json', `access_token.${token}`],
          headers: { origin: 'http://localhost:5500' },
        }),
      ),
    );
    for (const client of clients) await client.subscribe('chat.lobby');
    await clients[0]?.publish('chat.lobby', 'hello');
    expect((await clients[1]?.next('Broadcast'))?.data).toMatchObject({ from: 'alice', payload: 'hello' });
    for (const token of Object.values(tokens)) expect(decodeJwt(token)).toMatchObject({ roles: ['user'] });
  });

  test.each(['localhost', 'localhost:8081', '127.0.0.1:8081', '[::1]:8081'])('under %s has them', async (host) => {
    const text = await pageFor(await startServer(DEVELOPMENT), host);
    expect(Object.keys(tokensIn(text))).toEqual(['alice', 'bob']);
  });

  test.each([
    ['evil.example', ''],
    ['localhost.evil.example:8081', ''],
    ['evil.example:8081', 'X-Forwarded-Host: localhost\r\n'],
    ['localhost', 'X-Forwarded-For: 192.0.2.1\r\n'],
    ['localhost', 'Forwarded: for=192.0.2.1\r\n'],
    ['localhost@evil.example', ''],
  ])('under %s, with %j, gives nobody a token', async (host, more) => {
    const text = await pageFor(await startServer(DEVELOPMENT), host, more);
    expect(tokensIn(text)).toEqual({});
    expect(text).not.toContain('eyJ');
  });
});

test('its script chats, resumes by its position after the socket dropped, and shows what was replayed', async () => {
  const server = await startServer(DEVELOPMENT);
  const browser = new Browser((await page(server)).text, server.port);
  const bob = await connect(server.port, { user: 'bob' });
  await browser.shows(({ state }) => state === 'connected', 'a connection');
  await bob.publish('chat.lobby', 'first');
  await browser.shows(({ lines }) => lines.includes('bob: first'), 'a message');
  browser.press('drop');
  await browser.shows(({ state }) => state.startsWith('closed with '), 'the drop');
  await bob.publish('chat.lobby', 'while away');
  await browser.shows(({ lines }) => lines.includes('bob: while away (replayed)'), 'what was missed');
  expect(browser.lines).toContain('resumed: 1 missed');
  await bob.subscribe('chat.lobby');
  browser.type('text', '<b>hello</b>');
  browser.submit('chat');
  expect((await bob.next('Broadcast')).data).toMatchObject({ from: 'alice', payload: '<b>hello</b>', sequence: 3 });
  browser.leave();
});

test('production has no such page', async () => {
  const { status, text } = await page(await startServer());
  expect([status, text.includes('not_found'), text.includes('<html')]).toEqual([404, true, false]);
});

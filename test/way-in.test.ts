/** What the README and the first pages show works as printed: the code for browsers, the file for production, the links. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runInNewContext } from 'node:vm';
import { afterAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { createClient, type Client, type ClientOptions, type SocketPort } from '../src/client/index.ts';
import { loadConfig } from '../src/config/load.ts';
import { connect } from './harness/client.ts';
import { signalbox } from './harness/process.ts';
import { startServer, type TestServer } from './harness/server.ts';
import { SECRET, tokenOf } from './harness/tokens.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const PAGES = ['README.md', ...readdirSync(join(ROOT, 'docs')).map((name) => `docs/${name}`)].filter((path) =>
  path.endsWith('.md'),
);
const temporary = mkdtempSync(join(tmpdir(), 'signalbox-way-in-'));
afterAll(() => rmSync(temporary, { recursive: true }));

function read(page: string): string {
  return readFileSync(join(ROOT, page), 'utf8');
}

/** The blocks of one language on a page. */
function blocks(page: string, language: string): string[] {
  return [...read(page).matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'gm'))].map(
    ([, code = '']) => code,
  );
}

/** What GitHub calls the headings of a page. */
function anchorsOf(page: string): Set<string> {
  const headings = [...read(page).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => heading.toLowerCase());
  return new Set(headings.map((heading) => heading.replaceAll(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-')));
}

interface Page {
  readonly shown: unknown[];
  readonly opened: WebSocket[];
  readonly client: Client;
}

/** Runs the README's code as a page would, until it has subscribed. */
async function runReadme(server: TestServer): Promise<Page> {
  const [code = ''] = blocks('README.md', 'js');
  const opened: WebSocket[] = [];
  const shown: unknown[] = [];
  const open = (url: string, protocols: string[]): SocketPort => {
    const socket = new WebSocket(url, protocols);
    opened.push(socket);
    return socket as unknown as SocketPort;
  };
  const clients: Client[] = [];
  const made = (options: ClientOptions): Client => {
    const client = createClient({ ...options, environment: { open } });
    clients.push(client);
    onTestFinished(() => client.close());
    return client;
  };
  const body = code.replace(/^import .*\n/, '').replace('localhost:8081', `127.0.0.1:${server.port}`);
  const show = (item: unknown): number => shown.push(item);
  runInNewContext(body, { token: await tokenOf('alice'), show, createClient: made });
  await vi.waitFor(async () => expect(await server.metric('signalbox_subscriptions')).toBe(1), 10_000);
  const [client] = clients;
  if (client === undefined) throw new Error("expected the README's code to make a client");
  return { shown, opened, client };
}

/** Cuts its connection, and does what happens meanwhile before the page comes back. */
async function whileAway(server: TestServer, { client, opened }: Page, happens: () => Promise<void>): Promise<void> {
  const stop = client.on('state', ({ status }) => {
    if (status === 'waiting') client.pause();
  });
  opened.at(-1)?.close();
  await vi.waitFor(() => expect([server.connections, client.state.status]).toEqual([0, 'suspended']), 10_000);
  stop();
  await happens();
  client.resume();
}

async function publisher(server: TestServer): Promise<(payload: unknown) => Promise<void>> {
  const token = await tokenOf('shop', { roles: ['service'] });
  return async (payload) => {
    const response = await fetch(`${server.url}/api/publish`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
      body: JSON.stringify({ topic: 'chat.lobby', payload }),
    });
    expect(response.status).toBe(200);
  };
}

describe("the README's code for a browser", () => {
  test('shows every message once and in order, also those sent while it was away', async () => {
    const server = await startServer();
    const publish = await publisher(server);
    const page = await runReadme(server);
    await publish(1);
    await vi.waitFor(() => expect(page.shown).toEqual([1]), 10_000);
    await whileAway(server, page, async () => {
      for (const payload of [2, 3]) await publish(payload);
    });
    await vi.waitFor(() => expect(page.shown).toEqual([1, 2, 3]), 10_000);
    await publish(4);
    await vi.waitFor(() => expect(page.shown).toEqual([1, 2, 3, 4]), 10_000);
    expect(page.opened).toHaveLength(2);
  });

  test('loses nothing when the cut comes before the first message', async () => {
    const server = await startServer();
    const publish = await publisher(server);
    const page = await runReadme(server);
    await whileAway(server, page, () => publish(1));
    await vi.waitFor(() => expect(page.shown).toEqual([1]), 10_000);
  });

  test('says what the log no longer has', async () => {
    const server = await startServer({ 'topics.history': '10', 'actor_system.mailbox_capacity': '10' });
    const publish = await publisher(server);
    const page = await runReadme(server);
    await publish(1);
    await vi.waitFor(() => expect(page.shown).toEqual([1]), 10_000);
    await whileAway(server, page, async () => {
      for (let payload = 2; payload <= 13; payload += 1) await publish(payload);
    });
    await vi.waitFor(() => expect(page.shown.slice(0, 3)).toEqual([1, '2 messages are gone: trimmed', 4]), 10_000);
  });
});

describe('docs/browser.md', () => {
  test('its publish is acknowledged, and repeated it is a duplicate; its renewal is accepted', async () => {
    const server = await startServer();
    const [publish = '', renew = ''] = blocks('docs/browser.md', 'js');
    const token = await tokenOf('alice');
    const client = await connect(server.port);
    const sent: string[] = [];
    const socket = { send: (text: string) => void sent.push(text) };
    runInNewContext(publish, { socket, text: 'hello', crypto });
    runInNewContext(renew, { socket, token });
    const [frame = '', renewal = ''] = sent;
    const { id } = JSON.parse(frame) as { id: string };
    for (const status of ['delivered', 'duplicate']) {
      client.sendRaw(frame);
      expect((await client.replyTo(id)).data).toMatchObject({ status });
    }
    client.sendRaw(renewal);
    expect((await client.replyTo('renew')).data).toMatchObject({ status: 'authenticated' });
  });
});

describe('the file for production', () => {
  const [file = ''] = blocks('README.md', 'toml');

  test('README and docs/production.md show the same, and check-config calls it good', async () => {
    expect(blocks('docs/production.md', 'toml')).toEqual([file]);
    const path = join(temporary, 'signalbox.toml');
    writeFileSync(path, file);
    const { code, out, err } = await signalbox(['check-config', '--config', path], { JWT_SECRET: SECRET });
    expect({ code, out, err }).toMatchObject({ code: 0, err: '' });
  });

  test('it opens what it names and nothing else', () => {
    const path = join(temporary, 'opened.toml');
    writeFileSync(path, file);
    const { config } = loadConfig({
      files: [join(ROOT, 'config/default.toml'), path],
      environment: { JWT_SECRET: SECRET },
      flags: new Map(),
    });
    expect(config.topics.rules.map(({ pattern }) => pattern)).toEqual(['chat.**']);
    expect(config.topics.subscribe).toEqual([]);
  });
});

describe('the pages', () => {
  test.each(PAGES)('%s: its links lead somewhere', (page) => {
    for (const [, link = ''] of read(page).matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g))
      expect([link, existsSync(join(ROOT, dirname(page), link))]).toEqual([link, true]);
  });

  test.each(PAGES)('%s: the headings that its links name are there', (page) => {
    for (const [, link = '', anchor = ''] of read(page).matchAll(/\]\((?!https?:)([^)#]*)#([^)]+)\)/g)) {
      const target = link === '' ? page : join(dirname(page), link);
      expect([`${link}#${anchor}`, anchorsOf(target).has(anchor)]).toEqual([`${link}#${anchor}`, true]);
    }
  });

  test('docs/README.md names every page', () => {
    const index = read('docs/README.md');
    const missing = PAGES.filter((page) => page.startsWith('docs/') && page !== 'docs/README.md').filter(
      (page) => !index.includes(`(${page.slice('docs/'.length)})`),
    );
    expect(missing).toEqual([]);
  });

  test.each(['README.md', 'docs/first-hour.md', 'docs/browser.md', 'docs/backend.md', 'docs/production.md'])(
    '%s stays short enough to be read',
    (page) => expect(read(page).split(/\s+/).length).toBeLessThan(page === 'README.md' ? 1_300 : 700),
  );
});

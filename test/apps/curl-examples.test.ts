/**
 * The lines of conversations.md, accounts.md and media.md that begin with curl are typed as they are printed, against a live server, and what
 * comes back has the fields that the pages name.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { app as accounts } from '../../src/apps/accounts/app.ts';
import { app as conversations } from '../../src/apps/conversations/app.ts';
import { within } from '../harness/deadline.ts';
import { MediaServer, pdf, png } from '../harness/media.ts';
import { pgliteFolder } from '../harness/pglite-folder.ts';
import { signalbox } from '../harness/process.ts';
import { startServer, type TestServer } from '../harness/server.ts';
import { SECRET, tokenOf } from '../harness/tokens.ts';
import { isMissing } from '../harness/tools.ts';

/** A database in the process takes its time to begin. */
const SLOW_MS = 180_000;

type Json = Readonly<Record<string, unknown>>;

const pageOf = (name: string): string =>
  readFileSync(fileURLToPath(new URL(`../../docs/${name}.md`, import.meta.url)), 'utf8');

/** Commands of the page in their order, each with the lines that it goes on in. */
function commandsOf(name: string, program: string): string[] {
  const blocks = [...pageOf(name).matchAll(/^```sh\n(.*?)^```$/gms)].map(([, text = '']) => text);
  return blocks
    .flatMap((text) => text.replaceAll('\\\n', ' ').split('\n'))
    .filter((line) => line.includes(program))
    .map((line) => line.trim());
}

/** @returns what it prints */
function type(
  command: string,
  server: TestServer,
  environment: Readonly<Record<string, string>>,
  cwd: string,
): Promise<string> {
  const typed = command.replaceAll('localhost:8081', `127.0.0.1:${server.port}`);
  const typing = new Promise<string>((resolve, reject) => {
    execFile('bash', ['-c', typed], { env: { ...process.env, ...environment }, cwd }, (error, output) => {
      if (error === null) resolve(output);
      else reject(error);
    });
  });
  return within(typing, command);
}

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'signalbox-curl-'));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return path;
}

/** Names in code of the first sentence of the page that begins so. */
function namesIn(page: string, begin: string): string[] {
  const [, sentence = ''] = pageOf(page).split(begin);
  const text = sentence.split(/\.\s/)[0] ?? '';
  return [...text.matchAll(/`(\w+)\??`/g)].map(([, name = '']) => name);
}

test.skipIf(isMissing('curl'))(
  'conversations.md: both interfaces answer what the page says',
  { timeout: SLOW_MS },
  async () => {
    const settings = {
      'database.folder': await pgliteFolder(),
      'apps.conversations.online': 'false',
    };
    const server = await startServer(settings, [conversations]);
    const commands = commandsOf('conversations', 'curl ');
    expect(commands).toHaveLength(4);
    const environment = { TOKEN: await tokenOf('ada') };
    const answers: Json[] = [];
    for (const command of commands)
      answers.push(JSON.parse(await type(command, server, environment, folder())) as Json);
    const [made, list, chat, chats] = answers as [Json, Json, Json, Json];

    const fields = namesIn('conversations', 'A conversation is ');
    expect(fields.length).toBeGreaterThan(8);
    expect(made['success']).toBe(true);
    const pair = made['data'] as Json;
    // A list alone has the last message, which is null where there is none.
    expect(Object.keys(pair).toSorted()).toEqual(fields.filter((name) => name !== 'lastMessage').toSorted());
    expect(pair).toMatchObject({ customerId: 'ada', artistId: 'bea', bookingId: 'b-17', unreadCount: 0 });
    expect(list).toEqual({
      success: true,
      data: [{ ...pair, lastMessage: null }],
      pagination: { limit: 20, offset: 0, total: 1, hasMore: false },
    });
    for (const name of ['limit', 'offset', 'total', 'hasMore'])
      expect(namesIn('conversations', 'Good answers are ')).toContain(name);

    expect(chat).toMatchObject({
      conversation: { type: 'PRIVATE', participants: [{ userId: 'ada' }, { userId: 'bob' }] },
    });
    // The pair of the marketplace is one of them.
    expect(chats).toMatchObject({ total: 2 });
    const ids = (chats['conversations'] as readonly Json[]).map(({ id }) => id);
    expect(new Set(ids)).toEqual(new Set([pair['id'], (chat['conversation'] as Json)['id']]));
  },
);

test.skipIf(isMissing('curl'))(
  'accounts.md: an account is made as printed, and logs in',
  { timeout: SLOW_MS },
  async () => {
    const settings = { 'database.folder': await pgliteFolder() };
    const server = await startServer(settings, [accounts]);
    const [make = ''] = commandsOf('accounts', './signalbox ');
    const [, password = '', words = ''] =
      /^echo '([^']*)' \| \.\/signalbox (.*) --config signalbox\.toml$/.exec(make) ?? [];
    const file = join(folder(), 'signalbox.toml');
    writeFileSync(file, '[apps.accounts]\n');
    const verb = [...words.split(' '), '--config', file, '--url', server.url];
    const { code, err } = await signalbox(verb, { JWT_SECRET: SECRET }, `${password}\n`);
    expect([code, err]).toEqual([0, '']);

    const [login = ''] = commandsOf('accounts', 'curl ');
    const answer = JSON.parse(await type(login, server, {}, folder())) as Json;
    const [, promised = ''] = /`POST \/auth\/login` \| `[^`]*` \| `\{([^`]*)\}`/.exec(pageOf('accounts')) ?? [];
    expect(Object.keys(answer).toSorted()).toEqual(promised.split(', ').toSorted());
    expect(answer['user']).toMatchObject({
      email: 'ada@example.com',
      displayName: 'Ada Lovelace',
      roles: ['user', 'admin'],
    });
    const me = await server.get('/users/me', { authorization: `Bearer ${answer['token'] as string}` });
    expect(me.status).toBe(200);
  },
);

test.skipIf(isMissing('curl'))(
  'media.md: an image is announced and put, and a file goes in a form',
  { timeout: SLOW_MS },
  async () => {
    const media = await MediaServer.open({ 'database.folder': await pgliteFolder() });
    onTestFinished(() => media.stop());
    const [announce = '', put = '', form = ''] = commandsOf('media', 'curl ');
    const cwd = folder();
    writeFileSync(join(cwd, 'cat.png'), png(2_000));
    writeFileSync(join(cwd, 'report.pdf'), pdf(3_000));
    const environment = { TOKEN: await tokenOf('ada') };

    const announced = JSON.parse(await type(announce, media.server, environment, cwd)) as Json;
    expect(Object.keys(announced).toSorted()).toEqual(namesIn('media', 'The answer (`201`) has ').toSorted());
    const url = { UPLOAD_URL: new URL(announced['uploadUrl'] as string, media.server.url).href };
    const stored = JSON.parse(await type(put, media.server, { ...environment, ...url }, cwd)) as Json;
    expect(stored).toMatchObject({ size: 2_000, mimeType: 'image/png' });
    const got = await media.ask(announced['publicUrl'] as string, { user: 'ada' });
    expect(got.bytes).toEqual(Buffer.from(png(2_000)));

    const sent = JSON.parse(await type(form, media.server, environment, cwd)) as Json;
    const [, promised = ''] = /The answer \(`201`\) is `\{([^`]*)\}`/.exec(pageOf('media')) ?? [];
    expect(Object.keys(sent).toSorted()).toEqual(promised.split(', ').toSorted());
    expect(sent).toMatchObject({ filename: 'report.pdf', size: 3_000, mimeType: 'application/pdf' });
  },
);

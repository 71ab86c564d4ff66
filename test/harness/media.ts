/** A server with the application for uploads, beside one that owns conversations: ada and bob are in `c1`, rita only reads there. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { app } from '../../src/apps/media/app.ts';
import type { App } from '../../src/index.ts';
import { within } from './deadline.ts';
import { endings } from './end-of-file.ts';
import { openServer, type TestServer } from './server.ts';
import { tokenOf } from './tokens.ts';

const folders = new Set<string>();
endings.add(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  folders.clear();
});

const MEMBERS: Readonly<Record<string, readonly string[]>> = {
  'conversation.c1': ['ada', 'bob', 'rita'],
  'conversation.c2': ['ada'],
};

const talks: App = {
  name: 'talks',
  start: (host) => ({
    topics: [
      {
        pattern: 'conversation.*',
        mayAct: ({ user, tenant }, action, topic) => {
          if (tenant !== '' || MEMBERS[topic]?.includes(user) !== true)
            return host.refuse('not_found', 'expected a conversation of this user');
          return action === 'subscribe' || user !== 'rita';
        },
      },
    ],
  }),
};

export interface Asked {
  readonly user?: string;
  readonly tenant?: string;
  readonly roles?: readonly string[];
  readonly method?: string;
  readonly json?: unknown;
  readonly body?: string | FormData | Uint8Array<ArrayBuffer>;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Buffer;
  // oxlint-disable-next-line typescript/no-explicit-any -- answers of all routes
  readonly json: any;
}

export class MediaServer {
  readonly server: TestServer;
  readonly folder: string;

  private constructor(server: TestServer, folder: string) {
    this.server = server;
    this.folder = folder;
  }

  /** @param beside what owns conversations */
  static async open(settings: Readonly<Record<string, string>>, beside: App = talks): Promise<MediaServer> {
    const folder = mkdtempSync(join(tmpdir(), 'signalbox-media-'));
    folders.add(folder);
    const given = {
      'database.migrate': 'true',
      'rate_limiting.enabled': 'false',
      'apps.media.folder': folder,
      ...settings,
    };
    return new MediaServer(await openServer(given, [app, beside]), folder);
  }

  /** @param url a path, or a whole URL, as they are answered */
  async ask(url: string, asked: Asked = {}): Promise<Answer> {
    const {
      user,
      tenant = '',
      roles = ['user'],
      json,
      body = json === undefined ? undefined : JSON.stringify(json),
    } = asked;
    const method = asked.method ?? (body === undefined ? 'GET' : 'POST');
    const token = user === undefined ? null : await tokenOf(user, { roles, claims: { ...(tenant && { tenant }) } });
    const headers = { ...(token !== null && { authorization: `Bearer ${token}` }), ...asked.headers };
    const response = await within(
      fetch(new URL(url, this.server.url), {
        method,
        headers,
        redirect: 'manual',
        ...(body !== undefined && { body }),
      }),
      `${method} ${url}`,
    );
    const bytes = Buffer.from(await response.arrayBuffer());
    const isJson = response.headers.get('content-type') === 'application/json';
    const read = isJson ? JSON.parse(bytes.toString()) : {};
    return { status: response.status, headers: response.headers, bytes, json: read };
  }

  /** Announces an image. */
  begin(user: string, given: Readonly<Record<string, unknown>> = {}): Promise<Answer> {
    return this.ask('/apps/media/uploads', {
      user,
      json: { fileName: 'cat.png', fileType: 'image/png', conversation: 'c1', ...given },
    });
  }

  put(url: string, body: Uint8Array<ArrayBuffer>, type = 'image/png'): Promise<Answer> {
    return this.ask(url, { method: 'PUT', body, headers: { 'content-type': type } });
  }

  form(user: string, file: Blob, fields: Readonly<Record<string, string>>, name = 'report.pdf'): Promise<Answer> {
    const form = new FormData();
    for (const [field, value] of Object.entries(fields)) form.set(field, value);
    form.set('file', file, name);
    return this.ask('/apps/media/files', { user, body: form });
  }

  tokenOf(user: string): Promise<string> {
    return tokenOf(user);
  }

  stop(): Promise<void> {
    return this.server.stop();
  }
}

/** Bytes that begin like a PNG. */
export function png(size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size).map((_, at) => (at * 7) % 251);
  bytes.set([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return bytes;
}

export function jpeg(size: number): Uint8Array<ArrayBuffer> {
  const bytes = png(size);
  bytes.set([0xff, 0xd8, 0xff, 0xe0]);
  return bytes;
}

export function pdf(size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size).fill(0x20);
  bytes.set(Buffer.from('%PDF-1.7\n'));
  return bytes;
}

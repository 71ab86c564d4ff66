/**
 * W-27: two tenants use the same ids for everything, and one of them asks every route, sends every frame and follows every topic
 * with the ids of the other. Nothing of the other comes back, and nothing of the other changes. Routes come from /openapi.json and
 * frames from the node, so one that is new is asked too.
 */
import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { app as accounts } from '../../src/apps/accounts/app.ts';
import { app as assistant } from '../../src/apps/assistant/app.ts';
import { app as bridge } from '../../src/apps/bridge/app.ts';
import { app as conversations } from '../../src/apps/conversations/app.ts';
import { app as media } from '../../src/apps/media/app.ts';
import { app as tenants } from '../../src/apps/tenants/app.ts';
import { app as webhooks } from '../../src/apps/webhooks/app.ts';
import { CLIENT_FRAME_TYPES } from '../../src/protocol/frames.ts';
import { messageOf, webhookBody } from '../fakes/graph-api.ts';
import { connect, type Connection } from '../harness/client.ts';
import { eventually } from '../harness/deadline.ts';
import { FRAMES_OF_OTHERS, OURS, ROOM, TOPIC, type Ids } from '../harness/frames-of-others.ts';
import type { Frame } from '../harness/frames.ts';
import { png } from '../harness/media.ts';
import { requestsOf, type Values } from '../harness/openapi-requests.ts';
import { POSTGRESQL, startPostgresql, type PostgresqlServer } from '../harness/postgresql-server.ts';
import { openServer, type TestServer } from '../harness/server.ts';
import { userOf } from '../harness/tenants.ts';
import { tokenOf } from '../harness/tokens.ts';

/** The name of the one tenant, and a word of everything that it has. No id contains it. */
const THEIRS = 'amber';
/** For as long a stream of events is read. */
const READ_MS = 300;
const ROLES = ['user', 'service', 'admin'];
/** Of one customer of both. */
const [NUMBER, WAMID] = ['491701112223', 'wamid.shared'];
/** Nobody listens there. */
const NOWHERE = 'http://127.0.0.1:9';

interface Asking {
  readonly method?: string;
  readonly body?: string | Uint8Array<ArrayBuffer>;
  readonly headers?: Readonly<Record<string, string>>;
}

describe.skipIf(POSTGRESQL === null)('two tenants with the same ids', () => {
  const folder = mkdtempSync(join(tmpdir(), 'signalbox-isolation-'));
  let postgresql: PostgresqlServer;
  let server: TestServer;
  let theirs: Ids;
  let ours: Ids;
  /** Of both tenants, connected all the while. */
  const sockets: WebSocket[] = [];

  beforeAll(async () => {
    postgresql = await startPostgresql();
    server = await openServer(
      {
        'database.url': await postgresql.database(),
        'database.migrate': 'true',
        'rate_limiting.enabled': 'false',
        'auth.failures_per_minute': '1000000',
        'topics.rules': JSON.stringify([{ pattern: 'room.**', presence: 'user' }]),
        'apps.media.folder': folder,
        'apps.accounts.scrypt_log2': '14',
        'apps.conversations.online': 'false',
        'apps.bridge.graph_url': NOWHERE,
        'apps.bridge.genesys_api_url': NOWHERE,
        'apps.bridge.genesys_login_url': NOWHERE,
        'apps.bridge.agents': 'ada',
        'apps.webhooks.url': NOWHERE,
        'apps.webhooks.secret': `whsec_${Buffer.alloc(32, 2).toString('base64')}`,
        'apps.webhooks.tell': 'published',
        'apps.webhooks.tell_payloads': 'true',
        'apps.webhooks.queue_dir': folder,
        'apps.tenants.rate_limit': '1000000',
        'apps.tenants.seal_keys': `k1:${Buffer.alloc(32, 1).toString('base64')}`,
      },
      [accounts, assistant, bridge, conversations, media, tenants, webhooks],
    );
    theirs = await seed(THEIRS);
    ours = await seed(OURS);
  }, 120_000);
  afterAll(async () => {
    for (const socket of sockets) socket.close();
    await server.stop();
    postgresql.end();
    rmSync(folder, { recursive: true });
  });

  async function ask(
    token: string | null,
    path: string,
    { method = 'GET', body, headers = {} }: Asking = {},
  ): Promise<{ status: number; text: string }> {
    const asking = (): Promise<Response> =>
      fetch(new URL(path, server.url), {
        method,
        headers: { ...(token !== null && { authorization: `Bearer ${token}` }), ...headers },
        ...(body !== undefined && { body }),
      });
    // A connection that was kept may end with the answer before, which refused a body unread.
    const response = await asking()
      .catch(asking)
      .catch((error: unknown) => {
        throw new Error(`${method} ${path} ${typeof body === 'string' ? body : ''}`, { cause: error });
      });
    const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') === true;
    return { status: response.status, text: isStream ? await beginning(response) : await response.text() };
  }

  async function made(token: string, path: string, body: unknown): Promise<Record<string, unknown>> {
    const { status, text } = await ask(token, path, { method: 'POST', body: JSON.stringify(body) });
    if (status >= 300) throw new Error(`${path}: ${status} ${text}`);
    return JSON.parse(text) as Record<string, unknown>;
  }

  /** Everything that a tenant can have, with its name in it. */
  async function seed(tenant: string): Promise<Ids> {
    const operator = await tokenOf('operator', { roles: ['admin'] });
    await made(operator, '/tenants', {
      tenantId: tenant,
      name: `${tenant} Inc.`,
      subdomain: tenant,
      phoneNumberIds: [`${tenant}-1`],
    });
    const key = await made(operator, `/tenants/${tenant}/api-keys`, { name: `${tenant} shop` });
    await ask(operator, `/tenants/${tenant}/credentials/whatsapp`, {
      method: 'PUT',
      body: JSON.stringify({ accessToken: `${tenant}-token-of-meta`, appSecret: `${tenant}-secret-of-meta` }),
    });
    const token = await userOf(tenant, 'ada', ROLES);
    const { conversation } = await made(token, '/conversations', {
      type: 'GROUP',
      name: `${tenant} group`,
      participantIds: ['ada', 'bob', 'cyd'],
    });
    const { id } = conversation as { readonly id: string };
    await made(token, `/conversations/${id}/messages`, { type: 'TEXT', content: `${tenant} says hello` });
    const session = await made(token, '/api/v1/admin/chat/sessions', { client_name: `${tenant} client` });
    const upload = await made(token, '/apps/media/uploads', {
      fileName: `${tenant}.png`,
      fileType: 'image/png',
      conversation: id,
    });
    const put = { method: 'PUT', body: png(300), headers: { 'content-type': 'image/png' } };
    await ask(null, String(upload['uploadUrl']), put);
    await made(token, '/apps/accounts/users', {
      email: `ada@${tenant}.example`,
      displayName: `Ada of ${tenant}`,
      password: 'correct horse battery staple',
    });
    const published = await made(token, '/api/publish', { topic: TOPIC, payload: `${tenant} news` });
    await made(token, '/api/publish', { target_user: 'ada', payload: `${tenant} direct` });
    await customerWrites(tenant, token);
    const details = await stay(token, { topic: ROOM, action: 'enter', data: { name: `${tenant} ada` } });
    return {
      conversation: id,
      session: (session['data'] as { readonly id: string }).id,
      upload: String(upload['id']),
      url: String(upload['publicUrl']),
      signed: new URL(String(upload['uploadUrl']), server.url).searchParams,
      message: String(published['id']),
      connection: details['connection_id'] ?? '',
      resumable: details['session_id'] ?? '',
      key: (key as { readonly id: string }).id,
    };
  }

  /** Over WhatsApp, to the number of the tenant. */
  async function customerWrites(tenant: string, token: string): Promise<void> {
    const message = messageOf(NUMBER, WAMID, { type: 'text', text: { body: `${tenant} on the phone` } });
    const body = JSON.stringify(webhookBody(`${tenant}-1`, { messages: [message] }, NUMBER));
    const signature = createHmac('sha256', `${tenant}-secret-of-meta`).update(body).digest('hex');
    const headers = { 'content-type': 'application/json', 'x-hub-signature-256': `sha256=${signature}` };
    const { status, text } = await ask(null, '/webhooks/whatsapp', { method: 'POST', body, headers });
    expect([status, text]).toEqual([200, '{"status":"queued"}']);
    await eventually(async () => {
      const traced = await ask(token, `/apps/bridge/trace?wamid=${WAMID}`);
      return traced.text.includes('"status":"sent"');
    }, `the message of a customer of ${tenant}`);
  }

  /** Connects until the end, and enters. @returns the details of the first Status */
  function stay(token: string, presence: object): Promise<Readonly<Record<string, string>>> {
    const socket = new WebSocket(`ws://127.0.0.1:${server.port}/ws`, ['signalbox.json', `access_token.${token}`]);
    sockets.push(socket);
    return new Promise((resolve, reject) => {
      let details: Readonly<Record<string, string>> | null = null;
      socket.addEventListener('error', () => reject(new Error('expected a connection')));
      socket.addEventListener('message', ({ data }) => {
        const frame = JSON.parse(String(data)) as Frame;
        if (details === null) {
          details = frame.data.details as Readonly<Record<string, string>>;
          socket.send(JSON.stringify({ type: 'Presence', id: 'p', data: presence }));
        } else if (frame.reply_to === 'p') resolve(details);
      });
    });
  }

  /** A client of the other tenant that listens to what it may. */
  async function witness(): Promise<Connection> {
    const client = await connect(server.port, { token: await userOf(THEIRS, 'ada', ROLES) });
    await client.subscribe(TOPIC, `@presence.${ROOM}`, `conversation.${theirs.conversation}`, '@me');
    return client;
  }

  /** Whether it has heard and lost nothing. */
  async function untouched(client: Connection): Promise<void> {
    expect((await client.publish('other.topic', 'still here')).type).toBe('Ack');
    expect(JSON.stringify(client.frames)).not.toContain(OURS);
  }

  /** Ids of the tenant, by the names of parameters and fields. */
  function valuesOf(ids: Ids): Values {
    return (name, route) => {
      const id = /\/admin\/connections/.test(route)
        ? ids.connection
        : /\/admin\/trace/.test(route)
          ? ids.message
          : /\/chat\/sessions/.test(route)
            ? ids.session
            : /\/media/.test(route)
              ? ids.upload
              : /^\S+ \/tenants/.test(route)
                ? 'shared'
                : /\/users\/\{id\}/.test(route)
                  ? 'ada'
                  : ids.conversation;
      const values: Readonly<Record<string, string>> = {
        id,
        messageId: `${ids.conversation}.1`,
        conversation: ids.conversation,
        conversationId: ids.conversation,
        session: ids.session,
        user: 'ada',
        userId: 'ada',
        users: 'ada',
        participantIds: 'ada',
        userIds: 'ada',
        topic: TOPIC,
        topics: TOPIC,
        connection_id: ids.connection,
        session_id: ids.resumable,
        urls: ids.url,
        url: ids.url,
        q: 'says',
        emoji: 'x',
        kind: 'whatsapp',
        key: ids.key,
        app: 'webhooks',
        expires: ids.signed.get('expires') ?? '1',
        signature: 'x',
        content: `${OURS} was here`,
        payload: `${OURS} was here`,
        fileType: 'image/png',
        fileName: 'a.png',
        email: 'ada@example.com',
        password: 'correct horse battery staple',
        from: 'earliest',
        limit: '10',
        wamid: WAMID,
        whatsappNumber: NUMBER,
      };
      // It is asked for by one thing.
      return route.includes('/bridge/trace') && name !== 'wamid' ? undefined : values[name];
    };
  }

  /** All that the other tenant sees of itself. */
  async function stateOf(tenant: string, ids: Ids): Promise<readonly string[]> {
    const token = await userOf(tenant, 'ada', ROLES);
    const paths = [
      `/conversations/${ids.conversation}`,
      `/conversations/${ids.conversation}/messages`,
      '/conversations',
      `/api/topics/${TOPIC}/history`,
      `/api/topics/${ROOM}/presence`,
      '/apps/accounts/users',
      ids.url,
      '/apps/tenants/own',
      `/apps/bridge/trace?wamid=${WAMID}`,
      `/state/conversation?whatsappNumber=${NUMBER}`,
    ];
    const answers = await Promise.all(paths.map(async (path) => ({ path, ...(await ask(token, path)) })));
    expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
    return answers.map(({ path, text }) => `${path} ${text}`);
  }

  test('W-27: every route, with the ids of the other tenant, by a user, a backend, an administrator and a key', async ({
    annotate,
  }) => {
    const there = await witness();
    const before = await stateOf(THEIRS, theirs);
    expect(before.filter((text) => text.includes(THEIRS)).length).toBeGreaterThan(5);
    const operator = await tokenOf('operator', { roles: ['admin'] });
    const { secret } = (await made(operator, `/tenants/${OURS}/api-keys`, { name: 'all', roles: ROLES })) as {
      readonly secret: string;
    };
    const callers: readonly (readonly [string, () => Promise<string | null>])[] = [
      ['a user', () => userOf(OURS, 'ada')],
      ['a stranger of the tenant', () => userOf(OURS, 'eve')],
      ['a backend', () => userOf(OURS, 'ada', ROLES)],
      ['a key', async () => secret],
      ['nobody', async () => null],
    ];
    const derived = [...(await requestsOf(server, valuesOf(theirs))), ...(await requestsOf(server, valuesOf(ours)))];
    // A poll that says no time waits for news for 25 s (`streams.max_wait_ms`).
    const requests = derived.filter(({ route, body }) => route !== '/poll' || body?.includes('wait_ms') === true);
    // Those first that change nothing: some of the others end sessions and accounts.
    const order = (method: string): number => ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'].indexOf(method);
    const good = new Set<string>();
    for (const { method, route, path, body } of requests.toSorted((a, b) => order(a.method) - order(b.method))) {
      for (const [who, tokenFor] of callers) {
        const { status, text } = await ask(await tokenFor(), path, { method, ...(body !== undefined && { body }) });
        const what = `${who}: ${method} ${path} ${body ?? ''} → ${status} ${text.slice(0, 500)}`;
        expect(text.includes(THEIRS), what).toBe(false);
        expect(status, what).not.toBe(500);
        if (status < 300 && who !== 'nobody') good.add(`${method} ${route}`);
      }
    }
    await annotate(`${requests.length * callers.length} requests, ${good.size} routes with good answers`);
    // Else nothing was asked.
    expect(good.size).toBeGreaterThan(30);
    expect(await stateOf(THEIRS, theirs)).toEqual(before);
    await untouched(there);
  }, 300_000);

  test('W-27: a header or a parameter that names the other tenant is refused', async () => {
    const token = await userOf(OURS, 'kim', ROLES);
    const headers = { 'x-tenant-id': THEIRS };
    const asked = [
      ask(token, `/apps/bridge/trace?wamid=${WAMID}`, { headers }),
      ask(token, `/apps/bridge/trace?wamid=${WAMID}&tenant=${THEIRS}`),
      ask(token, `/state/conversation?whatsappNumber=${NUMBER}`, { headers }),
      ask(token, '/auth/token', { headers }),
    ];
    for (const { status, text } of await Promise.all(asked))
      expect([status, text.includes(THEIRS)]).toEqual([403, false]);
  });

  /** Routes have revoked the tokens of this user, which holds for all of the second in which it was done. */
  const connectOurs = async (): Promise<Connection> => {
    const second = Math.floor(Date.now() / 1_000);
    await eventually(() => Math.floor(Date.now() / 1_000) > second, 'the next second');
    return connect(server.port, { token: await userOf(OURS, 'ada', ROLES) });
  };

  test('W-27: every frame, with the ids of the other tenant', async () => {
    const there = await witness();
    const before = await stateOf(THEIRS, theirs);
    const client = await connectOurs();
    const types = [...CLIENT_FRAME_TYPES, ...server.running.node.parts.context.frameHandlers.keys()];
    expect(types.filter((type) => FRAMES_OF_OTHERS[type] === undefined)).toEqual([]);
    for (const type of types)
      for (const data of FRAMES_OF_OTHERS[type]?.(theirs) ?? []) {
        const answer = await client.ask(type, data);
        expect(JSON.stringify(answer), `${type} ${JSON.stringify(data)}`).not.toContain(THEIRS);
      }
    expect(JSON.stringify(client.frames)).not.toContain(THEIRS);
    expect(await stateOf(THEIRS, theirs)).toEqual(before);
    await untouched(there);
  }, 60_000);

  test('W-27: every topic and pattern, while the other tenant publishes, enters and speaks', async () => {
    const there = await witness();
    const client = await connectOurs();
    const followed = [
      TOPIC,
      'news.**',
      'room.**',
      `@presence.${ROOM}`,
      `conversation.${theirs.conversation}`,
      'conversation.*',
      '@me',
    ];
    await client.ask('Subscribe', { topics: followed.map((topic) => ({ topic, from: 'earliest' })) });
    const token = await userOf(THEIRS, 'bob', ROLES);
    await made(token, '/api/publish', { topic: TOPIC, payload: `${THEIRS} again` });
    await made(token, '/api/publish', { target_user: 'ada', payload: `${THEIRS} again` });
    await made(token, `/conversations/${theirs.conversation}/messages`, { type: 'TEXT', content: `${THEIRS} again` });
    const bob = await connect(server.port, { token });
    await bob.ask('Presence', { topic: ROOM, action: 'enter', data: { name: THEIRS } });
    await heard(there, `${THEIRS} again`);
    // The answer to a later frame comes after whatever was on its way.
    await made(await userOf(OURS, 'ada', ROLES), '/api/publish', { topic: TOPIC, payload: `${OURS} last` });
    await heard(client, `${OURS} last`);
    expect(JSON.stringify(client.frames)).not.toContain(THEIRS);
  }, 60_000);

  test('W-27: metrics, health and what the node says of itself name no tenant', async () => {
    for (const path of ['/metrics', '/metrics.json', '/health', '/info'])
      expect((await ask(null, path)).text).not.toMatch(new RegExp(`${THEIRS}|${OURS}`));
  });
});

function heard(client: Connection, text: string): Promise<Frame> {
  return client.waitFor((frame) => frame.type === 'Broadcast' && JSON.stringify(frame.data).includes(text), text);
}

/** What has come of a stream of events after a moment. */
async function beginning(response: Response): Promise<string> {
  const reader = response.body?.getReader();
  if (reader === undefined) return '';
  let text = '';
  const timer = setTimeout(() => void reader.cancel(), READ_MS);
  for (;;) {
    const { done, value } = await reader.read().catch(() => ({ done: true, value: undefined }));
    if (done) break;
    text += Buffer.from(value as Uint8Array).toString();
  }
  clearTimeout(timer);
  return text;
}

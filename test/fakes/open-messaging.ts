/**
 * Genesys Open Messaging, made up: it gives tokens, takes what customers write once for each id, tells its webhook what agents
 * write, and echoes what was injected. By hand: `node test/fakes/open-messaging.ts --port 9102 --webhook http://…/webhooks/genesys`.
 */
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import {
  jsonOf,
  optionsOf,
  ScriptedServer,
  textIn,
  type Answer,
  type Asked,
  type Behaviour,
  type Json,
} from './scripted-server.ts';

export interface InboxItem {
  readonly path: string;
  readonly body: Json;
  readonly id: string;
  /** `messageId` of the channel. */
  readonly messageId: string;
  readonly from: string;
  readonly text: string;
}

export class FakeOpenMessaging {
  readonly server = new ScriptedServer((asked) => this.answer(asked));
  /** What customers wrote, each once. */
  readonly inbox: InboxItem[] = [];
  readonly receipts: { readonly id: string; readonly status: string }[] = [];
  readonly clientId = 'genesys-client';
  readonly clientSecret = 'genesys-client-secret-0123456789';
  readonly webhookSecret = 'genesys-webhook-secret-0123456789';
  integration = 'integration-1';
  /** Seconds. */
  tokenLife = 3_600;
  tokensMade = 0;
  /** Hosts that were asked for tokens: a region is a part of them. */
  readonly tokenHosts: string[] = [];
  /** Whether what is injected comes back by the webhook. */
  echoes = false;
  /** Ids of messages that came more than once. */
  readonly again: string[] = [];
  private readonly tokens = new Set<string>();
  private readonly conversations = new Map<string, string>();

  static async start(port = 0): Promise<FakeOpenMessaging> {
    const fake = new FakeOpenMessaging();
    await fake.server.listen(port);
    return fake;
  }

  get url(): string {
    return this.server.url;
  }

  get script(): Behaviour[] {
    return this.server.script;
  }

  tell(url: string, urls: readonly string[] = [url]): void {
    this.server.webhook = { url, urls, secret: this.webhookSecret, encoding: 'base64' };
  }

  stop(): Promise<void> {
    return this.server.stop();
  }

  /** No token that was given is good any more. */
  revokeTokens(): void {
    this.tokens.clear();
  }

  conversationOf(customer: string): string {
    const known = this.conversations.get(customer) ?? randomUUID();
    this.conversations.set(customer, known);
    return known;
  }

  /** An agent writes. @returns the id at Genesys */
  say(to: string, more: Json | string, times = 1): { readonly id: string; readonly taken: Promise<void> } {
    const id = randomUUID();
    const own = typeof more === 'string' ? { type: 'Text', text: more } : more;
    return { id, taken: this.server.send(this.outbound(id, to, own), times) };
  }

  outbound(id: string, to: string, own: Json): Json {
    return {
      id,
      channel: {
        id: this.integration,
        platform: 'Open',
        type: 'Private',
        messageId: randomUUID(),
        to: { id: `+${to}`, idType: 'Phone' },
        from: { nickname: 'Agent', id: this.integration, idType: 'Opaque' },
        time: new Date().toISOString(),
      },
      direction: 'Outbound',
      originatingEntity: 'Human',
      conversationId: this.conversationOf(to),
      ...own,
    };
  }

  private answer({ method, url, headers, text }: Asked): Answer {
    if (url.pathname.startsWith('/fake/')) return this.answerByHand(url.pathname, jsonOf(text));
    if (method === 'POST' && url.pathname.endsWith('/oauth/token')) return this.giveToken(headers, text);
    const token = /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1] ?? '';
    if (!this.tokens.has(token))
      return [401, { status: 401, code: 'unauthorized', message: 'Invalid login credentials.' }];
    const path = /\/conversations\/messages\/([^/]+)\/inbound\/open\/(message|receipt|event)$/.exec(url.pathname);
    if (method !== 'POST' || path?.[1] !== this.integration) return [404, { status: 404, code: 'not.found' }];
    return path[2] === 'message' ? this.take(jsonOf(text)) : this.takeNews(path[2] ?? '', jsonOf(text));
  }

  private giveToken(headers: Asked['headers'], text: string): Answer {
    this.tokenHosts.push(String(headers.host));
    const expected = Buffer.from(`${this.clientId}:${this.clientSecret}`).toString('base64');
    if (headers.authorization !== `Basic ${expected}` || !text.includes('grant_type=client_credentials'))
      return [401, { error: 'invalid_client' }];
    this.tokensMade += 1;
    const token = `genesys-token-${randomUUID()}`;
    this.tokens.add(token);
    return [200, { access_token: token, token_type: 'bearer', expires_in: this.tokenLife }];
  }

  private take(body: Json): Answer {
    const channel = (body['channel'] ?? {}) as Json;
    const from = textIn(channel['from'], 'id').replace('+', '');
    const messageId = textIn(channel, 'messageId');
    const isGood = from !== '' && messageId !== '' && (body['text'] !== undefined || body['content'] !== undefined);
    if (!isGood) return [400, { status: 400, code: 'bad.request' }];
    const conversationId = this.conversationOf(from);
    const known = this.inbox.find((item) => item.messageId === messageId);
    if (known !== undefined) {
      this.again.push(messageId);
      return [200, { id: known.id, conversationId }];
    }
    const id = randomUUID();
    this.inbox.push({ path: 'message', body, id, messageId, from, text: textIn(body, 'text') });
    if (this.echoes) void this.server.send(this.echoOf(id, body, channel));
    return [200, { id, conversationId, ...body }];
  }

  private echoOf(id: string, body: Json, channel: Json): Json {
    return {
      ...body,
      id,
      type: 'Text',
      direction: 'Inbound',
      channel: { ...channel, to: { id: this.integration }, platform: 'Open' },
    };
  }

  private takeNews(path: string, body: Json): Answer {
    if (path === 'receipt') this.receipts.push({ id: textIn(body, 'id'), status: textIn(body, 'status') });
    return [202, { id: randomUUID() }];
  }

  /** For people with curl. */
  private answerByHand(path: string, body: Json): Answer {
    if (path === '/fake/inbox')
      return [200, { inbox: this.inbox.map(({ from, text, id }) => ({ from, text, id })), receipts: this.receipts }];
    if (path === '/fake/say')
      return [202, { id: this.say(textIn(body, 'to').replaceAll(/\D/g, ''), textIn(body, 'text')).id }];
    if (path === '/fake/script') {
      this.script.push(...(body['next'] as Behaviour[]));
      return [200, { waiting: this.script.length }];
    }
    return [404, {}];
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const options = optionsOf(process.argv.slice(2));
  const fake = await FakeOpenMessaging.start(Number(options.get('port') ?? 9_102));
  fake.integration = options.get('integration') ?? fake.integration;
  const webhook = options.get('webhook');
  if (webhook !== undefined) fake.tell(webhook);
  console.log(
    `Genesys at ${fake.url}, client ${fake.clientId} ${fake.clientSecret}, webhook secret ${fake.webhookSecret}`,
  );
}

/**
 * Meta's Graph API for WhatsApp, made up: it takes messages for phones, gives files of customers, and sends webhooks that are signed
 * and come again until they are taken. By hand: `node test/fakes/graph-api.ts --port 9101 --webhook http://…/webhooks/whatsapp`.
 */
import { randomBytes } from 'node:crypto';
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

export interface SentMessage {
  readonly wamid: string;
  readonly phoneNumberId: string;
  readonly to: string;
  readonly body: Json;
  /** What the sender sent along. */
  readonly reference: string | undefined;
  readonly at: number;
}

export interface FakeFile {
  readonly bytes: Uint8Array;
  readonly mime: string;
  /** Of the download; without, 200. */
  readonly status?: number;
  readonly slowMs?: number;
  /** Without, the true one. */
  readonly says?: number;
}

export class FakeGraphApi {
  readonly server = new ScriptedServer((asked) => this.answer(asked));
  readonly sent: SentMessage[] = [];
  /** `wamid`s of messages that were marked as read, and whether somebody types. */
  readonly read: { readonly wamid: string; readonly isTyping: boolean }[] = [];
  readonly files = new Map<string, FakeFile>();
  /** Calls with a good token or not, in order. */
  readonly calls: string[] = [];
  token = 'meta-token-0123456789';
  readonly appSecret = 'meta-app-secret-0123456789';
  phoneNumberId = '100200300';
  /** Statuses that follow a message, in this order; each as often as `repeated` says. */
  statuses: readonly string[] = ['sent', 'delivered'];
  repeated = 1;

  static async start(port = 0): Promise<FakeGraphApi> {
    const fake = new FakeGraphApi();
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
    this.server.webhook = { url, urls, secret: this.appSecret, encoding: 'hex' };
  }

  stop(): Promise<void> {
    return this.server.stop();
  }

  /** Phones by what they show, in order. */
  phone(number: string): readonly string[] {
    return this.sent.filter(({ to }) => to === number).map(({ body }) => shown(body));
  }

  /** A customer writes. @returns its `wamid` */
  say(from: string, message: Json | string, times = 1): { readonly wamid: string; readonly taken: Promise<void> } {
    const wamid = newWamid();
    const own = typeof message === 'string' ? { type: 'text', text: { body: message } } : message;
    return { wamid, taken: this.server.send(this.webhookOf({ messages: [messageOf(from, wamid, own)] }, from), times) };
  }

  status(news: Json): Promise<void> {
    return this.server.send(this.webhookOf({ statuses: [news] }));
  }

  webhookOf(value: Json, from?: string): Json {
    return webhookBody(this.phoneNumberId, value, from);
  }

  private answer({ method, url, headers, text }: Asked): Answer | Promise<Answer> {
    if (url.pathname.startsWith('/fake/')) return this.answerByHand(url.pathname, jsonOf(text));
    this.calls.push(`${method} ${url.pathname}`);
    if (headers.authorization !== `Bearer ${this.token}`)
      return [401, { error: { code: 190, message: 'Error validating access token' } }];
    const [, , id = '', what] = url.pathname.split('/').map(decodeURIComponent);
    if (method === 'POST' && what === 'messages') return this.take(id, jsonOf(text));
    return method === 'GET' && id === 'download' ? this.giveFile(what ?? '') : this.describeFile(id);
  }

  private take(phoneNumberId: string, body: Json): Answer {
    if (body['status'] === 'read') {
      this.read.push({ wamid: textIn(body, 'message_id'), isTyping: body['typing_indicator'] !== undefined });
      return [200, { success: true }];
    }
    const problem = problemOf(body);
    if (problem !== null) return [400, { error: { code: 100, message: problem } }];
    const wamid = newWamid();
    const { biz_opaque_callback_data: reference } = body;
    const to = textIn(body, 'to');
    const known = typeof reference === 'string' ? reference : undefined;
    this.sent.push({ wamid, phoneNumberId, to, body, reference: known, at: Date.now() });
    if (this.server.webhook !== null)
      for (const status of this.statuses)
        void this.server.send(
          webhookBody(phoneNumberId, { statuses: [statusOf(wamid, to, status, known)] }),
          this.repeated,
        );
    return [200, { messaging_product: 'whatsapp', contacts: [{ wa_id: to }], messages: [{ id: wamid }] }];
  }

  private describeFile(id: string): Answer {
    const file = this.files.get(id);
    if (file === undefined) return [404, { error: { code: 100, message: 'Unsupported get request' } }];
    const size = file.says ?? file.bytes.byteLength;
    return [
      200,
      { id, url: `${this.url}/v0/download/${encodeURIComponent(id)}`, mime_type: file.mime, file_size: size },
    ];
  }

  private async giveFile(id: string): Promise<Answer> {
    const file = this.files.get(id);
    if (file?.slowMs !== undefined)
      await new Promise((resolve) => {
        setTimeout(resolve, file.slowMs);
      });
    if (file === undefined || file.status !== undefined) return [file?.status ?? 404, {}];
    return [200, file.bytes, { 'content-type': file.mime }];
  }

  /** For people with curl. */
  private answerByHand(path: string, body: Json): Answer {
    if (path === '/fake/sent')
      return [200, { sent: this.sent.map(({ to, body: said, wamid }) => ({ to, text: shown(said), wamid })) }];
    if (path === '/fake/say') {
      const { wamid } = this.say(textIn(body, 'from').replaceAll(/\D/g, ''), textIn(body, 'text'));
      return [202, { wamid }];
    }
    if (path === '/fake/script') {
      this.script.push(...(body['next'] as Behaviour[]));
      return [200, { waiting: this.script.length }];
    }
    return [404, {}];
  }
}

/** What Meta would not take. */
function problemOf(body: Json): string | null {
  if (body['messaging_product'] !== 'whatsapp') return 'messaging_product';
  if (!/^\d{5,20}$/.test(textIn(body, 'to'))) return 'to';
  const type = textIn(body, 'type') || 'text';
  const own = body[type];
  if (typeof own !== 'object' || own === null) return type;
  const text = type === 'text' ? textIn(own, 'body') : 'x';
  return text === '' || text.length > 4_096 ? 'text.body' : null;
}

function shown(body: Json): string {
  const type = textIn(body, 'type') || 'text';
  const own = body[type];
  return type === 'text' ? textIn(own, 'body') : `${type} ${textIn(own, 'link') || textIn(own, 'name')}`.trim();
}

export function webhookBody(phoneNumberId: string, value: Json, from?: string): Json {
  const contacts = from === undefined ? {} : { contacts: [{ profile: { name: 'Ada' }, wa_id: from }] };
  const metadata = { display_phone_number: '15550001111', phone_number_id: phoneNumberId };
  const whole = { messaging_product: 'whatsapp', metadata, ...contacts, ...value };
  return { object: 'whatsapp_business_account', entry: [{ id: '1', changes: [{ field: 'messages', value: whole }] }] };
}

export function messageOf(from: string, wamid: string, own: Json): Json {
  return { from, id: wamid, timestamp: String(Math.floor(Date.now() / 1_000)), ...own };
}

function statusOf(wamid: string, to: string, status: string, reference?: string): Json {
  return {
    id: wamid,
    status,
    timestamp: String(Math.floor(Date.now() / 1_000)),
    recipient_id: to,
    ...(reference !== undefined && { biz_opaque_callback_data: reference }),
    ...(status === 'failed' && { errors: [{ code: 131_026, title: 'Message undeliverable' }] }),
  };
}

export function newWamid(): string {
  return `wamid.${randomBytes(24).toString('base64url')}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const options = optionsOf(process.argv.slice(2));
  const fake = await FakeGraphApi.start(Number(options.get('port') ?? 9_101));
  fake.phoneNumberId = options.get('number') ?? fake.phoneNumberId;
  const webhook = options.get('webhook');
  if (webhook !== undefined) fake.tell(webhook);
  console.log(`Graph API at ${fake.url}, token ${fake.token}, app secret ${fake.appSecret}`);
}

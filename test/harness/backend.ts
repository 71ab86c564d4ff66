/** An application's backend: a caller of the API with a token of the role `service`. */
import { within } from './deadline.ts';
import type { Frame, Position } from './frames.ts';
import type { Refused } from './raw.ts';
import type { TestServer } from './server.ts';
import { tokenOf, type TokenOptions } from './tokens.ts';

export interface Answer<T = unknown> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: T;
}

export interface Acknowledged {
  readonly status: string;
  readonly message_id?: string;
  readonly topic?: string;
  readonly id: string;
  readonly sequence: number;
  readonly epoch: string;
  readonly recipients: number;
}

interface ItemRefused {
  readonly error: Refused['error'] & { readonly retry_after_ms?: number };
}

export interface Results {
  readonly results: readonly (Acknowledged & ItemRefused)[];
}

export interface Page {
  readonly topic: string;
  readonly complete: boolean;
  readonly reason?: string;
  readonly position: Position;
  readonly next?: Position;
  readonly messages: readonly Frame[];
}

type HeaderFields = Readonly<Record<string, string>>;

export class Backend {
  readonly server: TestServer;
  readonly headers: HeaderFields;

  constructor(server: TestServer, headers: HeaderFields) {
    this.server = server;
    this.headers = headers;
  }

  static async on(server: TestServer, options: TokenOptions & { readonly user?: string } = {}): Promise<Backend> {
    const token = await tokenOf(options.user ?? 'shop', { roles: ['service'], ...options });
    return new Backend(server, { authorization: `Bearer ${token}` });
  }

  /** The same caller with other headers beside. */
  with(headers: HeaderFields): Backend {
    return new Backend(this.server, { ...this.headers, ...headers });
  }

  /** @param body text is sent as it is, anything else as JSON */
  async call<T = unknown>(method: string, path: string, body?: unknown): Promise<Answer<T>> {
    const init = {
      method,
      headers: this.headers,
      ...(body === undefined ? {} : { body: isSendable(body) ? body : JSON.stringify(body) }),
    };
    const response = await within(fetch(`${this.server.url}${path}`, init), `${method} ${path}`);
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: (text === '' ? null : JSON.parse(text)) as T };
  }

  post<T = Acknowledged & Refused>(body: unknown): Promise<Answer<T>> {
    return this.call<T>('POST', '/api/publish', body);
  }

  /** Publishes one message and expects it to be taken. */
  async publish(topic: string, payload: unknown, more: object = {}): Promise<Acknowledged> {
    const { status, body } = await this.post<Acknowledged>({ topic, payload, ...more });
    if (status !== 200) throw new Error(`expected 200, got ${status} ${JSON.stringify(body)}`);
    return body;
  }

  history<T = Page>(topic: string, query: HeaderFields = {}): Promise<Answer<T>> {
    return this.call<T>('GET', `/api/topics/${topic}/history?${new URLSearchParams(query).toString()}`);
  }

  position<T = { readonly position: Position; readonly first: number }>(topic: string): Promise<Answer<T>> {
    return this.call<T>('GET', `/api/topics/${topic}/position`);
  }
}

function isSendable(body: unknown): body is string | Uint8Array<ArrayBuffer> {
  return typeof body === 'string' || body instanceof Uint8Array;
}

/** Calls the admin endpoints of a server. */
import { within } from './deadline.ts';

export const ADMIN_TOKEN = 'an admin token for tests only, of 32 bytes and more';

export interface AdminAnswer {
  readonly status: number;
  readonly body: Record<string, unknown>;
  readonly headers: Headers;
}

export class Admin {
  readonly url: string;

  constructor(port: number) {
    this.url = `http://127.0.0.1:${port}`;
  }

  /** @param token `null` sends none */
  async call(
    method: string,
    path: string,
    body?: unknown,
    token: string | null = ADMIN_TOKEN,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<AdminAnswer> {
    const authorization: Record<string, string> = token === null ? {} : { authorization: `Bearer ${token}` };
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const request = { method, headers: { ...authorization, ...headers }, ...(text !== undefined && { body: text }) };
    const response = await within(fetch(`${this.url}${path}`, request), `${method} ${path}`);
    return {
      status: response.status,
      body: (await response.json()) as Record<string, unknown>,
      headers: response.headers,
    };
  }

  get(path: string): Promise<AdminAnswer> {
    return this.call('GET', path);
  }

  post(path: string, body?: unknown): Promise<AdminAnswer> {
    return this.call('POST', path, body);
  }

  put(path: string, body: unknown): Promise<AdminAnswer> {
    return this.call('PUT', path, body);
  }
}

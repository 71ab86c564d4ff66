/** The admin API, as docs/administration.md has it. */
import { Session } from './session.ts';

export type Query = Readonly<Record<string, string | number>>;

export class ApiProblem extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export class AdminApi {
  readonly session: Session;

  constructor() {
    this.session = new Session(tokenProblem);
  }

  get<T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T> {
    const search = new URLSearchParams(Object.entries(query).map(([name, value]) => [name, String(value)])).toString();
    return this.#call<T>('GET', search === '' ? path : `${path}?${search}`, undefined, signal);
  }

  send<T>(method: string, path: string, body: object): Promise<T> {
    return this.#call<T>(method, path, JSON.stringify(body));
  }

  /** A token that is not taken any more is asked for anew, and then the call goes on. */
  async #call<T>(method: string, path: string, body?: string, signal?: AbortSignal): Promise<T> {
    let token = await this.session.token();
    for (;;) {
      const answer = await ask(token, method, path, body, signal);
      if (answer.status !== 401) return read<T>(answer);
      token = await this.session.renew(token);
    }
  }
}

function ask(token: string, method: string, path: string, body?: string, signal?: AbortSignal): Promise<Response> {
  return fetch(path, {
    method,
    headers: { authorization: `Bearer ${token}` },
    cache: 'no-store',
    ...(body !== undefined && { body }),
    ...(signal !== undefined && { signal }),
  });
}

async function read<T>(answer: Response): Promise<T> {
  const body = (await answer.json().catch(() => ({}))) as { readonly error?: { readonly message?: string } };
  if (answer.ok) return body as T;
  throw new ApiProblem(answer.status, body.error?.message ?? `the server answered ${answer.status}`);
}

async function tokenProblem(token: string): Promise<string | null> {
  // A header takes no other characters.
  if (!/^[ -~]+$/.test(token)) return 'Expected a token of letters, digits and signs.';
  try {
    await read(await ask(token, 'GET', '/admin/nodes'));
    return null;
  } catch (error) {
    if (error instanceof ApiProblem) return `The server says ${error.status}: ${error.message}`;
    throw error;
  }
}

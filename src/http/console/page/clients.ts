/**
 * The client library of the server, as every application uses it: what the console publishes and watches goes the way of all
 * clients. It needs a JWT; operators who have signed in with another token are asked for one.
 */
import { createClient, signedOut, type Client, type TokenRequest } from '../../../client/index.ts';
import type { AdminApi } from './api.ts';
import { askForToken } from './session.ts';

const HINT =
  'Publishing and watching go the way of clients, which takes a JWT of a user. In a checkout: ./signalbox token --user me --roles admin';
const NOT_A_JWT = 'Expected a JWT: three parts with dots between them.';

export class Clients {
  readonly #api: AdminApi;
  #client: Client | null = null;
  /** Of a user, where the token of the operator is none. */
  #token: string | null = null;

  /** The token of the operator that the socket has. */
  #given: string | null = null;

  constructor(api: AdminApi) {
    this.#api = api;
  }

  /** Connects with the first topic that is used. */
  get client(): Client {
    if (this.#client === null || this.#client.state.status === 'closed')
      this.#client = createClient({ url: socketUrl(), token: (request) => this.#ask(request) });
    return this.#client;
  }

  async #ask({ reason }: TokenRequest): Promise<string> {
    const { session } = this.#api;
    if (session.isJwt) {
      const token = await session.token();
      // The operator may have given another one meanwhile, which was not refused yet.
      this.#given = reason !== 'connect' && token === this.#given ? await session.renew(token) : token;
      return this.#given;
    }
    if (this.#token !== null && reason === 'connect') return this.#token;
    const why = reason === 'connect' ? '' : 'The server does not take the token of the user any more.';
    this.#token = await askForToken({ title: 'Use this token', why, hint: HINT, check: jwtProblem, canCancel: true });
    if (this.#token === null) throw signedOut();
    return this.#token;
  }
}

function jwtProblem(token: string): Promise<string | null> {
  return Promise.resolve(token.split('.').length === 3 ? null : NOT_A_JWT);
}

function socketUrl(): string {
  const own = `ws://${location.host}/ws`;
  const url = document.querySelector<HTMLMetaElement>('meta[name=socket]')?.content || own;
  // A page that came safely may open no other socket.
  return location.protocol === 'https:' ? url.replace(/^ws:/, 'wss:') : url;
}

/** Requests over HTTP, told as they go: an answer may last for minutes. */

export interface HttpEvents {
  /** @param retryAfterMs 0 when the server does not say */
  answered(status: number, retryAfterMs: number): void;
  text(part: string): void;
  /** The answer is complete, or the network has failed. */
  ended(): void;
}

/** Posts a body. @returns what cancels it: nothing is told afterwards */
export type HttpPort = (url: string, token: string | undefined, body: string, events: HttpEvents) => () => void;

/** Of the web's `fetch`, as far as it is used. */
interface WebResponse {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  readonly body: {
    getReader?(): { read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }> };
  } | null;
  text(): Promise<string>;
}

interface Web {
  fetch(url: string, how: object): Promise<WebResponse>;
}

export const fetchHttp: HttpPort = (url, token, body, events) => {
  const abort = new AbortController();
  const { signal } = abort;
  const headers = {
    'content-type': 'application/json',
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
  };
  const tell = (work: () => void): void => {
    if (!signal.aborted) work();
  };
  const run = async (): Promise<void> => {
    const web = globalThis as unknown as Web;
    const response = await web.fetch(url, { method: 'POST', headers, body, signal, cache: 'no-store' });
    tell(() => events.answered(response.status, Number(response.headers.get('retry-after')) * 1_000));
    const reader = response.body?.getReader?.();
    // React Native reads no streams: a stream that never ends is then never told of, and polls take its place.
    if (reader === undefined) return response.text().then((text) => tell(() => events.text(text)));
    // A part of the stream may end in the middle of a character.
    const decoder = new TextDecoder();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return undefined;
      const text = decoder.decode(value, { stream: true });
      tell(() => events.text(text));
    }
  };
  const ended = (): void => tell(() => events.ended());
  run().then(ended, ended);
  return () => abort.abort();
};

/** Asks for an answer that comes at once, and as a whole. @param done is told status 0 when there is none */
export function ask(
  http: HttpPort,
  url: string,
  token: string | undefined,
  body: string,
  done: (status: number, text: string, retryAfterMs: number) => void,
): () => void {
  let status = 0;
  let retryAfterMs = 0;
  let text = '';
  return http(url, token, body, {
    answered: (code, after) => {
      status = code;
      retryAfterMs = after;
    },
    text: (part) => {
      text += part;
    },
    ended: () => done(status, text, retryAfterMs),
  });
}

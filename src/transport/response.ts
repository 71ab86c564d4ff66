/** Writes answers to HTTP requests. */
import type { HttpRequest as UwsRequest, HttpResponse as UwsResponse } from 'uWebSockets.js-compat';
import type { HttpResponse } from '../node/route.ts';

/** Status lines that are not obvious from the number alone. */
const STATUS_TEXT: Readonly<Record<number, string>> = {
  200: 'OK',
  201: 'Created',
  202: 'Accepted',
  204: 'No Content',
  206: 'Partial Content',
  207: 'Multi-Status',
  301: 'Moved Permanently',
  302: 'Found',
  303: 'See Other',
  304: 'Not Modified',
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  409: 'Conflict',
  410: 'Gone',
  412: 'Precondition Failed',
  413: 'Payload Too Large',
  415: 'Unsupported Media Type',
  416: 'Range Not Satisfiable',
  422: 'Unprocessable Entity',
  426: 'Upgrade Required',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
};

const HAS_NO_BODY: ReadonlySet<number> = new Set([204, 304]);

export interface AnswerTo {
  /** The request was `HEAD`: the client reads no body, and takes one for the head of the next answer. */
  readonly isHead: boolean;
  /** Closes the connection after the answer: when it is not certain where the next request begins. */
  readonly ends?: boolean;
}

export function asksForHead(req: UwsRequest): boolean {
  return req.getMethod() === 'head';
}

/** Must be called in the request's own turn, or after `res` was checked not to be aborted. */
export function respond(
  res: UwsResponse,
  { status, headers = {}, body }: HttpResponse,
  { isHead, ends = false }: AnswerTo,
): void {
  res.cork(() => {
    res.writeStatus(statusLine(status));
    for (const [name, value] of Object.entries(headers)) res.writeHeader(name, value);
    if (body === null) {
      // Of the others a client waits for the end of a body, until it is told that there is none.
      if (HAS_NO_BODY.has(status)) res.endWithoutBody();
      else res.endWithoutBody(0, ends);
      return;
    }
    if (headers['content-type'] === undefined) res.writeHeader('content-type', mediaTypeOf(body));
    const content = typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body);
    if (!isHead) res.end(content, ends);
    else if (ends) res.endWithoutBody(0, true);
    else {
      // Not as an argument of the end: the library would wait for the bytes of that length.
      res.writeHeader('content-length', String(Buffer.byteLength(content)));
      res.endWithoutBody();
    }
  });
}

export function statusLine(status: number): string {
  return `${status} ${STATUS_TEXT[status] ?? ''}`.trim();
}

function mediaTypeOf(body: unknown): string {
  if (typeof body === 'string') return 'text/plain; charset=utf-8';
  return body instanceof Uint8Array ? 'application/octet-stream' : 'application/json';
}

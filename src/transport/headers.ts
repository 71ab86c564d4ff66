/** The headers of a request, copied: the library's own object is only valid in its own turn. */
import type { HttpRequest } from 'uWebSockets.js-compat';

export interface Headers {
  /** Lower-case name → value; several of one name are one list (RFC 9110 section 5.3). */
  readonly values: ReadonlyMap<string, string>;
  /** One that came more than once and must not; `''` when there is none. */
  readonly repeated: string;
}

/**
 * Headers of which two would let two readers of one request disagree: where it ends, whom it is for, who sent it
 * (RFC 9112 section 6.3, RFC 6455 section 4.1). The library takes the first and says nothing.
 */
const SINGLE = new Set([
  'authorization',
  'content-length',
  'host',
  'origin',
  'sec-websocket-key',
  'sec-websocket-version',
  'transfer-encoding',
]);

/** Headers whose value names something, where two different ones must never be read as one. All of them are ASCII. */
const NAMES = ['authorization', 'idempotency-key', 'traceparent', 'sec-websocket-protocol'];
const NOT_ASCII = /[^\t -~]/;

/**
 * The library replaces bytes that are no UTF-8 by U+FFFD (and cuts off what is not ASCII at the end of a value, which
 * cannot be seen from here), so such a value may not be what was sent. Other headers may hold what they like (RFC 9110
 * section 5.5).
 */
export function textProblem({ values }: Headers): string | null {
  for (const name of NAMES) {
    const problem = notAscii(name, values.get(name) ?? '');
    if (problem !== null) return problem;
  }
  return null;
}

/** Why the value of a header that names something is refused, or `null`. */
export function notAscii(name: string, value: string): string | null {
  const at = value.search(NOT_ASCII);
  return at === -1 ? null : `${name}: expected printable ASCII, got another character at ${at}`;
}

/** Whether it is uncertain where such a request ends: then nothing behind it may be read as a request. */
export function isAmbiguous({ repeated }: Pick<Headers, 'repeated'>): boolean {
  return repeated === 'content-length' || repeated === 'transfer-encoding';
}

/** Whether a body is in a form that the library does not know: it reads every transfer coding as chunks. */
export function isCodedOtherwise({ values }: Headers): boolean {
  return (values.get('transfer-encoding') ?? 'chunked').toLowerCase() !== 'chunked';
}

/** Why a head is refused that the library takes, and whose request would be carried out: the trailer is read as the next one. */
export function trailerProblem({ values }: Headers): string | null {
  return values.has('trailer') ? 'trailer: expected no fields after the body' : null;
}

export function readHeaders(req: HttpRequest): Headers {
  const values = new Map<string, string>();
  let repeated = '';
  req.forEach((name, value) => {
    const before = values.get(name);
    if (before !== undefined && SINGLE.has(name)) repeated = name;
    values.set(name, before === undefined ? value : `${before}, ${value}`);
  });
  return { values, repeated };
}

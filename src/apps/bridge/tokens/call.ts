/** One call of Meta or Genesys: bounded in time and size, and told apart by whether the other side may have acted. */
import type { Clock } from '../../../telemetry/clock.ts';
import type { JsonValue } from '../../../protocol/frames.ts';
import { retryAfterMs } from '../../calling/retry-after.ts';

export interface CallRequest {
  readonly url: string;
  readonly method: 'GET' | 'POST';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/** `away`: nothing was sent. `lost`: it was sent, and no whole answer came. */
type CallAnswer =
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly json: JsonValue | null;
      readonly retryAfterMs: number | null;
    }
  | { readonly kind: 'away'; readonly detail: string }
  | { readonly kind: 'lost'; readonly detail: string };

export type Call = (request: CallRequest) => Promise<CallAnswer>;

const MAX_ANSWER = 1_048_576;
/** Errors of connections that never were. */
const NEVER_SENT: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
  'CERT_HAS_EXPIRED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'ERR_TLS_CERT_ALTNAME_INVALID',
]);

export function callerOf(clock: Pick<Clock, 'now'>): Call {
  return async ({ url, method, headers, body, timeoutMs, signal }) => {
    const timeout = AbortSignal.timeout(timeoutMs);
    try {
      const response = await fetch(url, {
        method,
        headers: { accept: 'application/json', ...headers },
        redirect: 'error',
        signal: signal === undefined ? timeout : AbortSignal.any([timeout, signal]),
        ...(body !== undefined && { body }),
      });
      const text = await textOf(response);
      const asked = retryAfterMs(response.headers.get('retry-after'), clock.now());
      return { kind: 'answer', status: response.status, json: jsonOf(text), retryAfterMs: asked ?? null };
    } catch (error) {
      const code = codeOf(error);
      return { kind: NEVER_SENT.has(code) ? 'away' : 'lost', detail: timeout.aborted ? 'no answer in time' : code };
    }
  };
}

async function textOf(response: Response): Promise<string> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of response.body ?? []) {
    size += piece.byteLength;
    if (size > MAX_ANSWER) throw new Error('an answer that is too long');
    pieces.push(piece as Uint8Array);
  }
  return Buffer.concat(pieces).toString();
}

function jsonOf(text: string): JsonValue | null {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return null;
  }
}

/** Of what went wrong below; never the message, which may hold a URL. */
function codeOf(error: unknown): string {
  for (let it: unknown = error, depth = 0; it instanceof Error && depth < 5; it = it.cause, depth += 1) {
    const { code } = it as { readonly code?: unknown };
    if (typeof code === 'string') return code;
    if (it.cause === undefined) return it.name;
  }
  return 'unknown';
}

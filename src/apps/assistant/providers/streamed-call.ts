/** One POST whose answer is a stream of events. */
import { retryAfterMs } from '../../calling/retry-after.ts';
import { readEvents, type StreamEvent } from './event-stream.ts';
import { failureOf, ProviderError } from './provider.ts';

export interface StreamedCall {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
  readonly signal: AbortSignal;
}

const LIMITS = { maxLine: 1_048_576, maxBytes: 4_194_304 };
/** Of an error's body: enough for its kind. */
const MAX_ERROR_BYTES = 4_096;

/** @throws ProviderError */
export async function* callForEvents({ url, headers, body, signal }: StreamedCall): AsyncGenerator<StreamEvent> {
  const response = await sent(url, {
    method: 'POST',
    // The URL of the configuration is the one that is trusted, and its key is for no other.
    redirect: 'manual',
    headers: { 'content-type': 'application/json', accept: 'text/event-stream', ...headers },
    body: JSON.stringify(body),
    signal,
  });
  if (response.status !== 200) throw await refused(response);
  const type = response.headers.get('content-type') ?? '';
  if (!type.startsWith('text/event-stream') || response.body === null) {
    await response.body?.cancel().catch(() => {});
    throw new ProviderError('garbage', `expected a stream of events, got ${type.slice(0, 100) || 'no content type'}`);
  }
  try {
    yield* readEvents(response.body, LIMITS);
  } catch (error) {
    if (error instanceof ProviderError || signal.aborted) throw error;
    throw new ProviderError('cut', `the stream broke: ${causeOf(error)}`);
  }
}

async function sent(url: URL, request: RequestInit): Promise<Response> {
  try {
    return await fetch(url, request);
  } catch (error) {
    if (request.signal?.aborted === true) throw error;
    throw new ProviderError('unavailable', `no answer of ${url.host}: ${causeOf(error)}`);
  }
}

async function refused(response: Response): Promise<ProviderError> {
  const { status } = response;
  const asked = retryAfterMs(response.headers.get('retry-after'));
  return new ProviderError(failureOf(status), `status ${status}${await kindOf(response)}`, asked);
}

/** The name of the error, as these interfaces have it; the message may repeat what the user said, so it is left out. */
async function kindOf(response: Response): Promise<string> {
  const text = await beginningOf(response).catch(() => '');
  const [, kind] = /"(?:type|code)"\s*:\s*"([a-z_]{1,64})"/.exec(text.replace('"type":"error"', '')) ?? [];
  return kind === undefined ? '' : `, ${kind}`;
}

async function beginningOf(response: Response): Promise<string> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of response.body ?? []) {
    parts.push(part);
    bytes += part.byteLength;
    if (bytes >= MAX_ERROR_BYTES) break;
  }
  return Buffer.concat(parts).subarray(0, MAX_ERROR_BYTES).toString();
}

function causeOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  if (!(cause instanceof Error)) return String(cause);
  return (cause as NodeJS.ErrnoException).code ?? cause.message;
}

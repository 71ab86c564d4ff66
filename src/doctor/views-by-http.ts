/** The admin API of a node over HTTP, to look at. */
import { UnreachedError, type View, type Views } from './patient.ts';

/** For one answer, in ms. */
const TIMEOUT_MS = 3_300;

export function viewsByHttp(url: URL, token: string): Views {
  return { address: url.origin, get: (path) => answered(ask(new URL(path, url), token)) };
}

/** Of a token that somebody asks about. */
export function tokenCheckByHttp(url: URL, adminToken: string): (token: string) => Promise<View> {
  return (token) => answered(ask(new URL('/admin/tokens/check', url), adminToken, JSON.stringify({ token })));
}

async function answered(asked: Promise<Response>): Promise<View> {
  const response = await asked;
  return { status: response.status, body: parsed(await response.text()) };
}

async function ask(url: URL, token: string, body?: string): Promise<Response> {
  const headers = { authorization: `Bearer ${token}` };
  try {
    // Another server might send the token on to wherever it likes.
    const request = body === undefined ? { headers } : { headers, method: 'POST', body };
    return await fetch(url, { ...request, redirect: 'manual', signal: AbortSignal.timeout(TIMEOUT_MS) });
  } catch (error) {
    if (error instanceof Error && error.name === 'TimeoutError')
      throw new UnreachedError(`no answer within ${TIMEOUT_MS / 1_000} s`, { cause: error });
    const cause = error instanceof Error ? (error.cause ?? error) : error;
    throw new UnreachedError(cause instanceof Error ? cause.message || String(cause) : String(cause), { cause: error });
  }
}

function parsed(text: string): View['body'] {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Readonly<Record<string, unknown>>)
      : null;
  } catch {
    return null;
  }
}

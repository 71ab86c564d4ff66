/** The admin API of a node over HTTP, to look at. */
import type { View, Views } from './patient.ts';

/** For one answer, in ms. */
const TIMEOUT_MS = 4_000;

export function viewsByHttp(url: URL, token: string): Views {
  return {
    address: url.origin,
    get: async (path): Promise<View> => {
      const response = await ask(new URL(path, url), token);
      return { status: response.status, body: parsed(await response.text()) };
    },
  };
}

async function ask(url: URL, token: string): Promise<Response> {
  const headers = { authorization: `Bearer ${token}` };
  try {
    // Another server might send the token on to wherever it likes.
    return await fetch(url, { headers, redirect: 'manual', signal: AbortSignal.timeout(TIMEOUT_MS) });
  } catch (error) {
    if (error instanceof Error && error.name === 'TimeoutError')
      throw new Error(`no answer within ${TIMEOUT_MS / 1_000} s`, { cause: error });
    const cause = error instanceof Error ? (error.cause ?? error) : error;
    throw new Error(cause instanceof Error ? cause.message || String(cause) : String(cause), { cause: error });
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

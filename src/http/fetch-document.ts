/** Gets a JSON document over HTTP, with a bound on everything that the other side decides. */

const TIMEOUT_MS = 5_000;
const MAX_BYTES = 1_048_576;

/**
 * Follows no redirect: the address in the configuration is the one that is trusted.
 * @throws when the answer is late, not 200, larger than 1 MiB or not JSON
 */
export async function fetchDocument(url: string): Promise<unknown> {
  const headers = { accept: 'application/json' };
  const response = await fetch(url, { redirect: 'error', headers, signal: AbortSignal.timeout(TIMEOUT_MS) });
  if (!response.ok || response.body === null) throw new Error(`expected status 200, got ${response.status}`);
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body) {
    size += chunk.byteLength;
    if (size > MAX_BYTES) throw new Error(`expected at most ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown;
}

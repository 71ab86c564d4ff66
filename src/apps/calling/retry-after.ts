/** What a backend asks for with `Retry-After`: seconds, or a date (RFC 9110 section 10.2.3). */

const SECONDS = /^\s*(\d{1,9})\s*$/;

/**
 * @param now milliseconds since 1970, which a date is held against; without it a date asks for nothing
 * @returns milliseconds; `undefined` where the header is not there or cannot be read
 */
export function retryAfterMs(header: string | null | undefined, now?: number): number | undefined {
  const [, seconds] = SECONDS.exec(header ?? '') ?? [];
  if (seconds !== undefined) return Number(seconds) * 1_000;
  if (now === undefined || header === null || header === undefined) return undefined;
  const ms = Date.parse(header) - now;
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}

/** Takes out of texts what opens something, before they leave the house. */
import { redactUrls } from '../../telemetry/redact.ts';

/** Shorter ones are in every text; nobody has such secrets in production. */
const MIN_SECRET = 4;
const JWT = /\beyJ[\w-]{4,}\.[\w-]+\.[\w-]*/g;
const BEARER = /\b(Bearer|Basic)\s+[^\s"',]+/gi;
const FINGERPRINT = /(fingerprint"?:? ?"?)([0-9a-f]{4,64})\b/g;

/** @param secrets that are known; parts of URLs that open something count by themselves */
export function scrubber(secrets: readonly string[]): (text: string) => string {
  const known = [...new Set(secrets.flatMap(formsOf))]
    .filter(({ length }) => length >= MIN_SECRET)
    // A secret that is a part of another one would leave the rest of it.
    .toSorted((a, b) => b.length - a.length);
  const fingerprints = new Map<string, number>();
  // Whether two are the same is told, and nothing that a guess could be held against.
  const numbered = (_: string, before: string, fingerprint: string): string => {
    const number = fingerprints.get(fingerprint) ?? fingerprints.size + 1;
    fingerprints.set(fingerprint, number);
    return `${before}secret-${number}`;
  };
  return (text) => {
    let clean = text;
    for (const secret of known) clean = clean.replaceAll(secret, '[redacted]');
    clean = clean.replaceAll(JWT, '[token]').replaceAll(BEARER, '$1 [redacted]').replaceAll(FINGERPRINT, numbered);
    return redactUrls(clean);
  };
}

/** As it is, as it stands in JSON, in URLs and in base64; of a URL its password too. */
function formsOf(secret: string): readonly string[] {
  const trimmed = secret.trim();
  const [, password = ''] = /^[a-z+]+:\/\/[^:@/]*:([^@]*)@/i.exec(trimmed) ?? [];
  return [trimmed, ...(password === '' ? [] : [password, decoded(password)])].flatMap((text) => [
    text,
    JSON.stringify(text).slice(1, -1),
    encodeURIComponent(text),
    Buffer.from(text).toString('base64').replace(/=+$/, ''),
    Buffer.from(text).toString('base64url'),
  ]);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

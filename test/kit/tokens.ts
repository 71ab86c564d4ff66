/** Tokens good and bad, put together by hand: libraries refuse to make the bad ones. */
import { createHmac } from 'node:crypto';

export const SECRET: Uint8Array = new TextEncoder().encode('a secret of 48 bytes for tests and for nothing else');

export interface TokenParts {
  readonly header?: Readonly<Record<string, unknown>> | string;
  readonly claims?: Readonly<Record<string, unknown>> | string;
  readonly secret?: Uint8Array;
  /** Of the signature, whatever the header says. */
  readonly hash?: 'sha256' | 'sha384' | 'sha512';
}

export function base64url(text: string | Uint8Array): string {
  return Buffer.from(text).toString('base64url');
}

/** Headers and claims that are text are taken as they are. */
export function signToken({ header = { alg: 'HS256', typ: 'JWT' }, claims = {}, ...rest }: TokenParts = {}): string {
  const input = [header, claims].map((part) => base64url(typeof part === 'string' ? part : JSON.stringify(part)));
  return `${input.join('.')}.${signature(input.join('.'), rest)}`;
}

export function signature(input: string, { secret = SECRET, hash = 'sha256' }: TokenParts = {}): string {
  return createHmac(hash, secret).update(input).digest('base64url');
}

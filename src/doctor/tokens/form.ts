/** What a text is that is no signed JWT: each of these has been pasted for one. */
import { fail, type Observation } from '../finding.ts';
import type { GivenToken } from './given-token.ts';

interface Form {
  readonly matches: (text: string) => boolean;
  readonly says: string;
  readonly cure: string;
}

const PASTE = 'give the token itself, three base64url parts joined by dots';
const FORMS: readonly Form[] = [
  {
    matches: (text) => ['', 'undefined', 'null', 'NaN', '[object Object]'].includes(text.trim()),
    says: 'is no token but the text of a variable that holds none',
    cure: 'look where the client takes its token from: it connects before it has one',
  },
  {
    matches: (text) => /^bearer\s/i.test(text),
    says: 'begins with the word Bearer',
    cure: 'take the word off: the client library and ?token= want the token alone',
  },
  { matches: (text) => /^["'].*["']$/s.test(text.trim()), says: 'stands in quotation marks', cure: PASTE },
  { matches: (text) => /\s/.test(text), says: 'has white space or a line end in it', cure: PASTE },
  {
    matches: (text) => text.includes('%'),
    says: 'is percent-encoded, perhaps twice',
    cure: 'encode it once, in a URL',
  },
  { matches: (text) => /…|\.\.\./.test(text), says: 'was cut where it was copied', cure: PASTE },
  {
    matches: (text) => text.split('.').length === 5,
    says: 'is encrypted (JWE, five parts)',
    cure: 'let the issuer sign tokens instead (JWS): the server decrypts none',
  },
  {
    matches: (text) => /^[^.]+\.[^.]+\.?$/.test(text),
    says: 'has no signature: its third part is missing',
    cure: 'let the issuer sign it, or paste all of it',
  },
  {
    matches: (text) => /^[A-Za-z0-9+/=_-]+\.[A-Za-z0-9+/=_-]+\.[A-Za-z0-9+/=_-]+$/.test(text) && /[+/=]/.test(text),
    says: 'is in base64, and a JWT is in base64url',
    cure: 'let the issuer write - for +, _ for /, and no = (RFC 7515), as every JWT library does',
  },
  {
    matches: (text) => !text.includes('.'),
    says: 'has no dots: an opaque token of a provider, or a session id',
    cure: 'ask the provider for a token in the form of a JWT (an audience of its own at some), or sign one in your backend',
  },
];

/** @returns `null` for what has the form of a signed JWT */
export function formProblem({ text, label, parts }: GivenToken): Observation | null {
  const form = FORMS.find(({ matches }) => matches(text));
  if (form !== undefined) return fail(`${label} ${form.says}`, form.cure);
  if (parts !== null && text.split('.').length === 3) return null;
  return fail(`${label} is not a JWT: expected three base64url parts joined by dots`, PASTE);
}
